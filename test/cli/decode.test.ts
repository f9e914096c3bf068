import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import type { Decoded } from '../../src/cli/decode/decoded.js';
import { isWhole } from '../../src/cli/decode/decoded.js';
import { INPUT_KINDS, type InputKind } from '../../src/cli/decode/flags.js';
import { decodedInput } from '../../src/cli/decode/input.js';
import { decodedJsonLine, decodedText } from '../../src/cli/decode/text.js';
import { encodeLogRecord } from '../../src/codec/log-record.js';
import { count, set, string, table, vector } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { ZeekwayError } from '../../src/core/errors.js';
import { encodeLogBatch } from '../../src/zeek/log-batch.js';
import { eventMessage } from '../../src/zeek/message.js';
import * as arbitrary from '../support/arbitrary.js';
import { framed, golden } from '../support/golden.js';
import { projectFile } from '../support/project.js';
import {
  fixtureFile,
  pcapFile,
  RECORDINGS,
  recordedFrames,
  recording,
  zeromqMessages,
} from '../support/recordings.js';

interface Wanted {
  readonly as?: InputKind;
  readonly hex?: boolean;
}

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function decoded(bytes: Uint8Array | string, wanted: Wanted = {}, chunk = 65_536): Promise<Decoded[]> {
  const found: Decoded[] = [];
  const options = { hex: wanted.hex ?? false, onReport: () => {}, ...(wanted.as ? { as: wanted.as } : {}) };
  for await (const each of decodedInput('file', chunksOf(Buffer.from(bytes), chunk), options))
    found.push(each);
  return found;
}

const textOf = (found: readonly Decoded[]): string => found.map(decodedText).join('');
const fixture = (name: string): string => readFileSync(fixtureFile(name), 'utf8');

/** Runs the command. @param input its standard input. */
function run(args: readonly string[], input: string | Buffer = '') {
  const all = [projectFile('build/src/cli/main.js'), 'decode', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { input, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('recordings look as they did: a capture, the WebSocket API, ZeroMQ', async (t) => {
  const capture = readFileSync(pcapFile('native-events'));
  t.is(textOf(await decoded(capture)), fixture('decode/native-events.txt'));
  t.is(textOf(await decoded(gzipSync(capture), {}, 100)), fixture('decode/native-events.txt'));
  t.is(textOf(await decoded(fixture('zeek/websocket/messages.jsonl'))), fixture('decode/websocket.txt'));
  const lines = fixture('zeek/zeromq/messages.jsonl').split('\n').slice(0, 6).join('\n');
  t.is(textOf(await decoded(lines, {}, 7)), fixture('decode/zeromq.txt'));
});

for (const name of RECORDINGS) {
  test(`${name}: every frame, with its place, and nothing that could not be read`, async (t) => {
    const found = await decoded(readFileSync(pcapFile(name)));
    t.true(found.every(isWhole));
    t.is(found.length, recording(name).flatMap(({ frames }) => frames).length);
    t.is(
      found.filter(({ kind }) => kind === 'envelope').length,
      recordedFrames('envelope', [name]).length,
      'the others are of the handshake',
    );
    const ends = new Map<string, number>();
    for (const { place } of found) {
      const { from, to, offset = -1, bytes = 0 } = place;
      const key = `${from} ${to}`;
      t.is(offset, ends.get(key) ?? 0, `${key}: frames follow each other`);
      ends.set(key, offset + 4 + bytes);
    }
    const fields = found.flatMap(({ content }) =>
      (content?.messages ?? []).flatMap((message) =>
        message.type === 'log-write' ? (message.fields ?? []) : [],
      ),
    );
    t.true(
      fields.every((field) => field.name !== undefined),
      'announced in an earlier frame',
    );
    for (const each of found) t.is(decodedJsonLine(each).indexOf('\n'), decodedJsonLine(each).length - 1);
  });
}

test('every message of a ZeroMQ cluster, and its log batches', async (t) => {
  const found = await decoded(fixture('zeek/zeromq/messages.jsonl'));
  t.is(found.length, zeromqMessages().length);
  t.true(found.every(isWhole));
  const batch = zeromqMessages().find(({ socket }) => socket === 'pull')?.parts[3] ?? Buffer.alloc(0);
  const [alone] = await decoded(batch);
  const within = found.find(({ type }) => type === 'log-batch');
  t.is(alone?.kind, 'log-batch', 'told by its bytes');
  t.deepEqual(alone?.content, within?.content);
});

test('a capture of a ZeroMQ cluster: what the sockets say, and every message', async (t) => {
  const found = await decoded(readFileSync(pcapFile('zeromq')));
  t.true(found.every(isWhole));
  const types = new Set(found.map(({ kind, type }) => `${kind} ${type}`));
  for (const type of [
    'zmtp greeting',
    'zmtp READY',
    'zeromq subscribe',
    'zeromq event',
    'zeromq log-batch',
  ]) {
    t.true(types.has(type), type);
  }
  const batches = (all: readonly Decoded[]): unknown[] =>
    all.flatMap(({ type, content }) => (type === 'log-batch' ? [JSON.stringify(content)] : [])).sort();
  t.deepEqual(batches(found), batches(await decoded(fixture('zeek/zeromq/messages.jsonl'))));
});

test('what bytes are is told by themselves', async (t) => {
  const kinds = async (bytes: Uint8Array, wanted?: Wanted): Promise<string> =>
    (await decoded(bytes, wanted)).map(({ kind, type }) => `${kind} ${type ?? ''}`.trim()).join(', ');
  for (const { title, bytes } of golden('handshake')) {
    t.is(await kinds(bytes), await kinds(framed(bytes)), title);
    t.regex(await kinds(bytes), /^handshake \w+$/, title);
  }
  for (const { title, bytes } of golden('envelopes')) {
    t.is(await kinds(bytes), await kinds(framed(bytes)), title);
    t.regex(await kinds(bytes), /^envelope \w+$/, title);
  }
  const frames = golden('envelopes').map(({ bytes }) => bytes);
  const all = await decoded(Buffer.concat(frames.map(framed)));
  t.deepEqual(
    all.map(({ place }) => place.bytes),
    frames.map(({ length }) => length),
  );
  for (const name of ['values', 'messages'] as const) {
    for (const { title, bytes } of golden(name)) t.is(await kinds(bytes), 'value', title);
  }
  // JSON over several lines, as people have it.
  const spread = JSON.stringify(
    { '@data-type': 'vector', data: [{ '@data-type': 'count', data: 7 }] },
    null,
    2,
  );
  t.is(textOf(await decoded(spread)), 'value\n          [7]\n\n');
});

test('a value: any of Broker, with its place and in hex', async (t) => {
  const value = vector(['a', count(1), set([]), table([[count(1), 'x']])]);
  const bytes = encodeValue(value);
  const text = `byte 0, value, ${bytes.length} bytes\n          ["a", 1, set(), {[1] = "x"}]\n\n`;
  t.is(textOf(await decoded(bytes)), text);
  const hex = bytes.toString('hex').replace(/(..)(..)/g, '$1 0x$2, # a comment\n');
  t.is(textOf(await decoded(hex, { hex: true })), text);
  const event = encodeValue(
    eventMessage(
      'X::e',
      ['a\u001b[2J', -0, null].map((each) => vector([each])),
      5n,
    ),
  );
  const shown = textOf(await decoded(event));
  t.is(
    shown,
    `byte 0, value, ${event.length} bytes
       0  event X::e
      30    ["a\\x1b[2J"]
      39    [-0.0]
      50    [none]
            metadata 1: 1970-01-01T00:00:00.000000005Z

`,
  );
});

test('damage: what could be read, where and why that ended, and the rest in hex', async (t) => {
  const event = encodeValue(eventMessage('X::e', [count(1), string('abcdef')]));
  const cut = event.subarray(0, -2);
  t.is(
    textOf(await decoded(cut)),
    `byte 0, value, ${cut.length} bytes
       0  event X::e
      30    1
          stopped at byte 41: expected 6 bytes of a string, found 4 bytes
          the rest: 6 bytes from byte 39
          00000027  05 06 61 62 63 64                                 |..abcd|
          0000002d

`,
  );
  const frames = golden('envelopes').map(({ bytes }) => framed(bytes));
  const two = await decoded(Buffer.concat([...frames, (frames[0] as Buffer).subarray(0, -1)]));
  t.deepEqual(
    two.slice(0, -2).map(isWhole),
    frames.map(() => true),
  );
  t.regex(two.at(-1)?.content?.stopped?.reason ?? '', /expected a frame of \d+ bytes, found \d+$/);

  const schema = {
    stream: 'X::LOG',
    writer: 'W',
    path: 'x',
    fields: [{ name: 'n', type: 'count', subtype: 'void', optional: false }],
  } as const;
  const records = [1n, 2n].map((value) => encodeLogRecord([{ type: 'count', value }]));
  const batch = encodeLogBatch({ schema, filter: 'default', records });
  const [broken] = await decoded(batch.subarray(0, -1));
  t.regex(broken?.content?.stopped?.reason ?? '', /^at byte \d+: expected/);
  const [damaged] = await decoded(Buffer.concat([batch, Buffer.of(9)]));
  t.deepEqual(
    damaged?.content?.messages.map(({ type }) => type),
    ['log-batch', 'log-record', 'log-record'],
  );
  t.is(damaged?.content?.rest?.hex, '09');
});

test('what is nothing of these, or not hex, is an error that says so', async (t) => {
  await t.throwsAsync(decoded('hello'), {
    code: 'decode_invalid',
    message: /found that file begins with 68656c6c6f$/,
  });
  await t.throwsAsync(decoded(''), { code: 'decode_invalid', message: /found that file is empty$/ });
  await t.throwsAsync(decoded('0e0', { hex: true }), { code: 'text_invalid', message: /found 3 in all/ });
  await t.throwsAsync(decoded('0g', { hex: true }), { code: 'text_invalid', message: /found "g"/ });
  await t.throwsAsync(decoded('x', { as: 'capture' }), { code: 'capture_invalid' });
});

test('any bytes are shown or refused, whatever they are said to be', async (t) => {
  const examples = (['handshake', 'envelopes', 'values', 'messages'] as const).flatMap(golden);
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(...examples.map(({ bytes }) => Uint8Array.from(bytes))),
    fc
      .constantFrom('{"@data-type":"count","data":', '[1]\n', '{"parts":["AQ=="]}\n', '{"text":""}')
      .map((text) => Uint8Array.from(Buffer.from(text))),
    arbitrary.value.map((value) => Uint8Array.from(encodeValue(value))),
  );
  const kinds = fc.constantFrom(undefined, ...INPUT_KINDS);
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 4 }), kinds, fc.nat(60), async (pieces, as, cut) => {
      const bytes = Buffer.concat(pieces);
      try {
        const found = await decoded(bytes.subarray(0, bytes.length - cut), as ? { as } : {});
        const text = textOf(found);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal.
        t.notRegex(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
        for (const each of found) JSON.parse(decodedJsonLine(each));
      } catch (error) {
        t.true(error instanceof ZeekwayError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('the command: exit codes, standard input, JSON lines, warnings', (t) => {
  const capture = readFileSync(pcapFile('native-events'));
  const file = run([pcapFile('native-events')]);
  t.deepEqual(file, { status: 0, stdout: fixture('decode/native-events.txt'), stderr: '' });
  t.deepEqual(run(['-'], capture), file);

  const json = run(['-', '--json'], capture);
  const lines = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.is(lines[0].kind, 'handshake');
  const envelope = lines.find(({ kind }) => kind === 'envelope');
  t.is(envelope.topic, 'gw/b/all');
  t.is(envelope.messages[0].args.length, envelope.messages[0].argsAt.length);

  const cut = run(['-'], capture.subarray(0, 3_000));
  t.is(cut.status, 1);
  t.true(file.stdout.startsWith(cut.stdout) && cut.stdout.length > 1_000);
  t.regex(cut.stderr, /ends inside of the packet at byte \d+ \[capture_truncated\]/);

  const damaged = run(['-', '--hex'], '0e0302');
  t.is(damaged.status, 1);
  t.regex(damaged.stdout, /stopped at byte/);

  const tls = run([pcapFile('native-tls')]);
  t.is(tls.status, 1);
  t.regex(tls.stderr, /capture_encrypted[\s\S]*capture_without_broker/);
  t.regex(run(['/nowhere']).stderr, /file_unreadable/);
  t.regex(run(['-', '--as', 'pcap']).stderr, /Allowed choices are capture, broker-frame/);
});

test('a reader that goes away ends it without a word', async (t) => {
  const args = [projectFile('build/src/cli/main.js'), 'decode', pcapFile('broker-cluster')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [status] = await once(child, 'close');
  t.is(status, 0);
  t.is(errors, '');
});

test('the commands of data stores are shown with their keys and values', async (t) => {
  const all = await decoded(readFileSync(pcapFile('native-stores')));
  const commands = all
    .filter(({ type }) => type === 'command')
    .map(({ header }) => Object.fromEntries(header.map(({ name, value }) => [name, value])));
  t.deepEqual(commands.find(({ command }) => command === 'ack_clone')?.['snapshot'], [
    '"one" = "110"',
    '"two" = 223',
    '[1, 2] = 1947/tcp',
    '10.0.0.1 = {1.2.3.4, 5.6.7.8}',
  ]);
  t.like(
    commands.find(({ command }) => command === 'put_unique'),
    { sequence: '4', key: '"uniq"', value: '"first"', request: '9' },
  );
});
