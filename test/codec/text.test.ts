import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { decodeLogRecord, type LogValue } from '../../src/codec/log-record.js';
import {
  canonicalText,
  displayText,
  escapeText,
  nameFromBytes,
  nameToBytes,
  textFromBytes,
  textToBytes,
  unescapeText,
} from '../../src/codec/text.js';
import { Interpreter } from '../../src/zeek/interpreter.js';
import * as arbitrary from '../support/arbitrary.js';
import { fixtureFile, recordedPayloads } from '../support/recordings.js';

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

test('all byte strings survive as text, as names and escaped', (t) => {
  fc.assert(
    fc.property(arbitrary.byteString, (bytes) => {
      t.deepEqual(Uint8Array.from(textToBytes(textFromBytes(bytes))), bytes);
      t.deepEqual(Uint8Array.from(nameToBytes(nameFromBytes(bytes))), bytes);
      const escaped = escapeText(bytes);
      t.deepEqual(Uint8Array.from(unescapeText(escaped)), bytes);
      t.true(escaped.isWellFormed() && !escaped.includes('\0'), 'PostgreSQL and JSON can hold it');
      t.is(displayText(canonicalText(bytes)), escaped);
    }),
    { numRuns: 5_000 },
  );
});

test('all short byte strings of what escaping looks for survive', (t) => {
  const letters = latin1('\\x4Ac5\0\x80\xff');
  const seen = new Set<string>();
  const check = (bytes: number[]): void => {
    const escaped = escapeText(Uint8Array.from(bytes));
    t.false(seen.has(escaped), `two byte strings become ${escaped}`);
    seen.add(escaped);
    t.deepEqual([...unescapeText(escaped)], bytes);
    if (bytes.length < 4) for (const letter of letters) check([...bytes, letter]);
  };
  check([]);
});

test('text is a string exactly where the bytes are UTF-8', (t) => {
  t.is(textFromBytes(latin1('caf\xc3\xa9')), 'café');
  t.is(textFromBytes(latin1('\xef\xbb\xbfa')), '\ufeffa', 'a byte order mark stays');
  for (const bad of ['\xff', '\xc0\x80', '\xed\xa0\x80', '\xf4\x90\x80\x80', 'a\xc3']) {
    t.deepEqual(textFromBytes(latin1(bad)), latin1(bad));
  }
});

test('text that is not UTF-8 is a copy', (t) => {
  const bytes = latin1('a\xff');
  const text = textFromBytes(bytes) as Uint8Array;
  bytes[0] = 0;
  t.deepEqual(text, latin1('a\xff'));
});

test('names keep single bytes as lone surrogates', (t) => {
  t.is(nameFromBytes(latin1('a\xffb')), 'a\udcffb');
  t.is(nameFromBytes(latin1('\xf0\x9f\x98\x80\x80')), '\ud83d\ude00\udc80');
  t.deepEqual(Uint8Array.from(nameToBytes('\ud83d\ude00\udc80')), latin1('\xf0\x9f\x98\x80\x80'));
  for (const wrong of ['\ud800', 'a\udc00', '\udc7f', '\ud800a\udc80']) {
    t.throws(() => nameToBytes(wrong), { code: 'encode_invalid' }, JSON.stringify(wrong));
  }
});

test('names are well-formed exactly where the bytes are UTF-8', (t) => {
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf];
  const letters = [...edges, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
  let wrong = 0;
  const check = (bytes: readonly number[]): void => {
    const buffer = Buffer.from(bytes);
    const name = nameFromBytes(buffer);
    if (name.isWellFormed() !== isUtf8(buffer) || !buffer.equals(nameToBytes(name))) wrong += 1;
    if (bytes.length < 4) for (const letter of letters) check([...bytes, letter]);
  };
  check([]);
  t.is(wrong, 0);
});

test('a long name of other bytes takes no more than a few copies of it', (t) => {
  const bytes = Buffer.alloc(4_000_000, 0xff);
  const name = nameFromBytes(bytes);
  t.is(name.length, bytes.length);
  t.true(bytes.equals(nameToBytes(name)));
});

test('escaped as Zeek does it', (t) => {
  t.is(escapeText(latin1('plain \xc3\xa9')), 'plain é');
  t.is(escapeText(latin1('\xc3\xa9 \xff')), '\\xc3\\xa9 \\xff');
  t.is(escapeText(latin1('nul \0')), 'nul \\x00');
  t.is(escapeText(latin1('C:\\dir')), 'C:\\dir');
  t.is(escapeText(latin1('\\x41')), '\\x5cx41', 'what looks like an escape: Zeek itself leaves it');
});

/** The strings of a record by their path in Zeek's JSON; sets and vectors by index. */
function stringsOf(name: string, value: LogValue): [string, string][] {
  if ('absent' in value) return [];
  if (value.type === 'table' || value.type === 'vector') {
    return value.value.flatMap((item, index) => stringsOf(`${name} ${index}`, item));
  }
  return value.type === 'string' ? [[name, displayText(value.value)]] : [];
}

function jsonStrings(object: Record<string, unknown>, names: ReadonlySet<string>): [string, string][] {
  return Object.entries(object).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((item, index): [string, string][] => {
      const path = Array.isArray(value) ? `${name} ${index}` : name;
      return typeof item === 'string' && names.has(path) ? [[path, item]] : [];
    }),
  );
}

for (const recording of ['native-logs', 'native-log-types', 'broker-cluster'] as const) {
  test(`${recording}: every string is escaped as in the JSON that Zeek itself wrote`, (t) => {
    const written = new Map<string, string[]>();
    const interpreters = new Map<string, Interpreter>();
    for (const { topic, sender, bytes } of recordedPayloads([recording])) {
      const interpreter =
        interpreters.get(sender) ?? new Interpreter({ kind: 'replay', peer: sender, name: '' });
      interpreters.set(sender, interpreter);
      for (const item of interpreter.interpret(topic, bytes, 0n)) {
        if (item.kind !== 'log') continue;
        const strings = decodeLogRecord(item.serial).flatMap((value, index) =>
          stringsOf(item.schema.fields[index]?.name ?? '', value),
        );
        const records = written.get(item.schema.path) ?? [];
        written.set(item.schema.path, [...records, JSON.stringify(strings)]);
      }
    }
    const folder = fixtureFile(`zeek/${recording}/json`);
    for (const file of readdirSync(folder)) {
      const ours = written.get(file.replace('.log', '')) ?? [];
      const lines = readFileSync(`${folder}/${file}`, 'utf8').trim().split('\n');
      const names = new Set(
        ours.flatMap((record) => (JSON.parse(record) as [string, string][]).map(([name]) => name)),
      );
      const theirs = lines.map((line) => JSON.stringify(jsonStrings(JSON.parse(line), names)));
      t.deepEqual(ours.map(likeZeek).sort(), theirs.sort(), file);
    }
  });
}

/** The documented difference: Zeek leaves a backslash that looks like the begin of an escape. */
const likeZeek = (json: string): string => json.replaceAll('\\\\x5c', '\\\\');
