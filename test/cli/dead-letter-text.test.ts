import { spawnSync } from 'node:child_process';
import test from 'ava';
import { lettersTable, letterText } from '../../src/cli/dead-letter-text.js';
import { hexDump } from '../../src/cli/hex-dump.js';
import { encodeLogRecord } from '../../src/codec/log-record.js';
import { count, string, vector } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { inspectBytes } from '../../src/zeek/inspect.js';
import { eventMessage, identifierUpdateMessage, logCreateMessage } from '../../src/zeek/message.js';
import { recordBytes } from '../../src/zeek/record-bytes.js';

const LETTER = {
  id: 7,
  code: 'row_rejected',
  reason: 'because',
  subject: 'X::LOG',
  topic: 'zeek/logs/x',
  received: '2026-11-24T04:00:00.000000Z',
  source: { kind: 'live', name: '10.0.0.1:1', peer: 'd3adbeef', node: 'worker-1' },
  size: 3,
  format: 'broker-bin-v1',
  raw: '',
};

const SCHEMA = {
  stream: 'X::LOG',
  writer: 'W',
  path: 'x',
  fields: [
    { name: 'n', type: 'count', subtype: 'void', optional: false },
    { name: 'text', type: 'string', subtype: 'void', optional: true },
  ],
} as const;

test('a hex dump is that of hexdump -C', (t) => {
  t.deepEqual(hexDump(Buffer.from('ABCDEFGHIJKLMNOPQ\n\x7f\xff', 'latin1'), 0x10), [
    '00000010  41 42 43 44 45 46 47 48  49 4a 4b 4c 4d 4e 4f 50  |ABCDEFGHIJKLMNOP|',
    '00000020  51 0a 7f ff                                       |Q...|',
    '00000024',
  ]);
  const bytes = Buffer.from(Array.from({ length: 256 + 9 }, (_, index) => index & 0xff));
  const { stdout, error } = spawnSync('hexdump', ['-C'], { input: bytes, encoding: 'utf8' });
  // Where there is the program, it says the same.
  if (error === undefined) t.is(`${hexDump(bytes).join('\n')}\n`, stdout);
});

test('a record with all that is known of it', (t) => {
  const serial = encodeLogRecord([
    { type: 'count', value: 2n ** 64n - 1n },
    { type: 'string', value: 'a\tb' },
  ]);
  const raw = recordBytes(SCHEMA, serial.subarray(0, -1));
  t.is(
    letterText(LETTER, inspectBytes(raw)),
    `dead letter 7: row_rejected
  reason    because
  subject   X::LOG
  topic     zeek/logs/x
  received  2026-11-24T04:00:00.000000Z
  source    live, 10.0.0.1:1, peer d3adbeef, node worker-1
  size      3 bytes

batch of 2 messages
LogCreate X::LOG, path x, writer W, 2 fields
LogWrite X::LOG, path x, writer W, a record of 36 bytes
  n  count  "18446744073709551615"
stopped at byte ${raw.length - 2}: expected 3 bytes of a string, found 2 bytes (byte 34 of the record)
the rest: 15 bytes from byte ${raw.length - 15}
${hexDump(raw.subarray(-15), raw.length - 15).join('\n')}`,
  );
});

test('the other messages', (t) => {
  const shown = (bytes: Uint8Array): string => letterText(LETTER, inspectBytes(bytes)).split('\n\n')[1] ?? '';
  t.is(
    shown(encodeValue(eventMessage('X::e', [count(1)], 0n))),
    `event X::e
  {"@data-type":"count","data":1}
  metadata 1: {"@data-type":"timestamp","data":"1970-01-01T00:00:00.000"}`,
  );
  t.is(
    shown(encodeValue(logCreateMessage(SCHEMA))),
    'LogCreate X::LOG, path x, writer W, 2 fields\n  n     count\n  text  string, optional',
  );
  t.is(
    shown(encodeValue(identifierUpdateMessage('X::i', string('v')))),
    'IdentifierUpdate X::i\n  {"@data-type":"string","data":"v"}',
  );
  t.regex(shown(encodeValue(vector([count(1), count(9), 'x']))), /^message of version 1 and type 9\n/);
  t.regex(
    shown(Buffer.from('{"a": 1\n')),
    /^text:\n {2}\{"a": 1\n {2}\nstopped at byte 0: .*\nthe rest: 8 bytes/,
  );
  t.regex(shown(Buffer.alloc(5_000)), /the rest: 5000 bytes[\s\S]*\n00001000\n\.\.\. and 904 bytes more$/);
});

test('nothing in a dead letter is a command for the terminal', (t) => {
  const evil = '\x1b[31m\x9b\r\n\u202e';
  const raw = encodeValue(eventMessage(evil, [string(evil)]));
  const texts = [
    letterText({ ...LETTER, reason: evil, subject: evil, topic: evil }, inspectBytes(raw)),
    letterText(LETTER, inspectBytes(Buffer.from('a \u202e b\r\n'))),
    lettersTable([{ ...LETTER, reason: evil, source: { name: evil } }]),
  ];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  for (const text of texts) t.notRegex(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u202e]/);
});
