/**
 * Writes fixtures/golden/*.hex from the recordings in pcaps/: `node build/test/support/make-golden.js`. What is
 * in no recording is made by hand below, from the layouts in libbroker, and says so.
 */
import { isUtf8 } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { GoldenName } from './golden.js';
import { Oracle, oracleEnvelope, oracleHandshake, oracleRecord, oracleValue, type Plain } from './oracle.js';
import { fixtureFile, type RecordedPayload, recordedFrames, recordedPayloads } from './recordings.js';

interface Example {
  readonly title: string;
  readonly source: string;
  readonly bytes: Buffer;
}

const BY_HAND = 'by hand, in no recording';
const byHand = (title: string, ...hex: string[]): Example => ({
  title,
  source: BY_HAND,
  bytes: Buffer.from(hex.join(''), 'hex'),
});

const text = (value: string): string => Buffer.from(value).toString('hex');

/** The first of each key, in the order given. */
function firstOfEach<T>(items: readonly T[], key: (item: T) => string, most = 1): [string, T][] {
  const seen = new Map<string, number>();
  return items.flatMap((item) => {
    const name = key(item);
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    return times < most ? [[name, item] as [string, T]] : [];
  });
}

const bySize = (a: { bytes: Buffer }, b: { bytes: Buffer }): number => a.bytes.length - b.bytes.length;

function handshakes(): Example[] {
  const type = (bytes: Buffer): string =>
    String((oracleHandshake(Oracle.of(bytes)) as { type: string }).type);
  const frames = recordedFrames('handshake', ['native-events', 'native-logs', 'broker-cluster']);
  return [
    ...firstOfEach(frames, ({ bytes }) => type(bytes)).map(([title, frame]) => ({ title, ...frame })),
    byHand(
      'drop_conn',
      '095a45454b',
      'd3adbeefd3ad4eefa3adbeefd3adbeef',
      '27',
      '14',
      text('redundant connection'),
    ),
  ];
}

function envelopes(): Example[] {
  const frames = recordedFrames('envelope', ['native-events', 'native-stores', 'broker-cluster']);
  return firstOfEach(frames.toSorted(bySize), ({ bytes }) => oracleEnvelope(Oracle.of(bytes)).type).map(
    ([title, frame]) => ({ title, ...frame }),
  );
}

/** Every type of value: the three shortest and the longest that Zeek sent, and edges that it did not. */
function values(): Example[] {
  const found = new Map<string, Example>();
  for (const { bytes, source } of recordedPayloads(['native-events', 'native-logs', 'broker-cluster'])) {
    const read = Oracle.of(bytes);
    oracleValue(read);
    for (const value of read.values) {
      const key = value.bytes.toString('hex');
      if (value.bytes.length < 200 && !found.has(key)) {
        found.set(key, { title: value.type, source, bytes: value.bytes });
      }
    }
  }
  const examples = [...found.values()].sort((a, b) => bySize(a, b) || a.bytes.compare(b.bytes));
  const shortest = firstOfEach(examples, ({ title }) => title, 3).map(([, example]) => example);
  const longest = firstOfEach(examples.toReversed(), ({ title }) => title).map(([, example]) => example);
  const isNoText = ({ title, bytes }: Example): boolean => title === 'string' && !isUtf8(bytes.subarray(2));
  const recorded = [...new Set([...shortest, ...examples.filter(isNoText).slice(0, 2), ...longest])];
  return [
    ...recorded.sort((a, b) => (a.bytes[0] ?? 0) - (b.bytes[0] ?? 0)),
    byHand('real, minus zero', '048000000000000000'),
    byHand('real, minus infinity', '04fff0000000000000'),
    byHand('integer, the smallest', '038000000000000000'),
    byHand('timestamp, before the epoch', '09ffffffffffffffff'),
    byHand('string of 128 bytes: a length of two bytes', '058001', '61'.repeat(128)),
    byHand('table in a table, with a list as key', '0d010e020100', '00', '0d00'),
  ];
}

function messages(): Example[] {
  const kind = ({ bytes }: RecordedPayload): string => {
    const [, type, content] = (oracleValue(Oracle.of(bytes)) as { vector: Plain[] }).vector;
    const number = (type as { count: string }).count;
    if (number !== '1')
      return ['log-create', 'log-write', 'identifier-update', 'batch'][Number(number) - 2] ?? '';
    return `event of ${(content as { vector: Plain[] }).vector.length} elements`;
  };
  const payloads = recordedPayloads().toSorted(bySize);
  const identifier = `0e03020000000000000001020000000000000004${'0e02'}0506${text('Gw::id')}020000000000000007`;
  return [
    ...firstOfEach(payloads, kind).map(([title, payload]) => ({ title, ...payload })),
    byHand('identifier-update', identifier),
    byHand(
      'batch in a batch',
      `0e03020000000000000001020000000000000005`,
      '0e02',
      identifier,
      ['0e03020000000000000001020000000000000005', '0e01', identifier].join(''),
    ),
  ];
}

/** The serial strings of the LogWrites of a payload, with the stream. */
function serials(payload: RecordedPayload): Example[] {
  const collect = (message: Plain): Example[] => {
    const [, type, content] = (message as { vector: Plain[] }).vector;
    const parts = (content as { vector: { string: string }[] }).vector;
    const number = (type as { count: string }).count;
    if (number === '5') return parts.flatMap((part) => collect(part as Plain));
    if (number !== '3') return [];
    const title = Buffer.from(parts[2]?.string ?? '', 'hex').toString();
    return [{ title, source: payload.source, bytes: Buffer.from(parts[3]?.string ?? '', 'hex') }];
  };
  return collect(oracleValue(Oracle.of(payload.bytes)));
}

function records(): Example[] {
  const types = recordedPayloads(['native-log-types']).flatMap(serials).slice(0, 3);
  const others = recordedPayloads(['native-logs']).flatMap(serials);
  return [
    ...types,
    ...firstOfEach(others, ({ title }) => title)
      .map(([, example]) => example)
      .filter(({ title }) => ['conn', 'dns', 'ssl'].includes(title)),
  ];
}

function write(
  name: GoldenName,
  what: string,
  examples: readonly Example[],
  read: (read: Oracle) => void,
): void {
  const blocks = examples.map(({ title, source, bytes }) => {
    const oracle = Oracle.of(bytes);
    read(oracle);
    oracle.end();
    const width = Math.min(40, Math.max(...oracle.fields.map(({ hex }) => hex.length)));
    const lines = oracle.fields.map(({ hex, comment }) => `${hex.padEnd(width)}  # ${comment}`);
    return `## ${title} | ${source}\n${lines.join('\n')}\n`;
  });
  const file = fixtureFile(`golden/${name}.hex`);
  mkdirSync(dirname(file), { recursive: true });
  const head = [
    `# ${what}`,
    '# Recorded from Zeek 8.2.2 (Broker 2.8-dev): the source is recording, client>server ports, frame of that side.',
    '# Written by test/support/make-golden.ts with the reader in test/support/oracle.ts.',
  ];
  writeFileSync(file, `${head.join('\n')}\n\n${blocks.join('\n')}`);
}

write(
  'handshake',
  'Every message of the handshake: the content of one frame each.',
  handshakes(),
  oracleHandshake,
);
write('envelopes', 'Every kind of envelope: the content of one frame each.', envelopes(), oracleEnvelope);
write('values', "Broker's values, every type.", values(), oracleValue);
write('messages', 'Zeek messages: the payload of one data envelope each.', messages(), oracleValue);
write(
  'records',
  'Log records as LogWrite carries them; native-log-types has every type.',
  records(),
  oracleRecord,
);
