/** What the codec does in a second, and what other ways to read the same bytes would (docs/adr/0002). */
import { fileURLToPath } from 'node:url';
import { Parser } from 'binary-parser/dist/binary_parser.js';
import { SmartBuffer } from 'smart-buffer';
import { Bench } from 'tinybench';
import { decodeLogRecord, encodeLogRecord } from '../../src/codec/log-record.js';
import {
  address,
  count,
  enumValue,
  none,
  port,
  set,
  string,
  timespan,
  timestamp,
  type Value,
  vector,
} from '../../src/codec/value.js';
import { decodeValue, encodeValue } from '../../src/codec/value-binary.js';
import { decodeValueJson, encodeValueJson } from '../../src/codec/value-json.js';
import { decodeEnvelope } from '../../src/protocol/broker/envelope.js';
import { golden } from '../support/golden.js';

export interface CodecResult {
  readonly name: string;
  readonly perSecond: number;
}

/** As many fields of as many types as conn.log has. */
const CONN: Value = vector([
  timestamp(1_700_000_000_123_456_000n),
  string('CHhAvVGS1DHFjwGM9'),
  address('192.168.1.102'),
  port('49152/tcp'),
  address('203.0.113.7'),
  port('443/tcp'),
  enumValue('tcp'),
  string('ssl'),
  timespan(2_350_000_000n),
  count(1_340),
  count(48_210),
  string('SF'),
  true,
  false,
  count(0),
  string('ShADadFf'),
  count(21),
  count(2_444),
  count(43),
  count(50_458),
  none,
  set(['ab', 'cd']),
  address('2001:db8::7'),
  string('a longer text of some fifty bytes, as a URI may be'),
  none,
]);

const FIELDS = 25;

/** So many at a time that reading the clock does not count. */
const AT_ONCE = 200;

/** Processor time: what others do on the machine does not count. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** @param milliseconds of processor time that each is measured for. */
export async function benchCodec(milliseconds = 1_000): Promise<CodecResult[]> {
  const bench = new Bench({ time: milliseconds, warmupTime: 300, now: processorMs });
  const bytes = encodeValue(CONN);
  const json = encodeValueJson(CONN);
  const serial = golden('records').find(({ title }) => title === 'conn')?.bytes ?? Buffer.alloc(0);
  const record = decodeLogRecord(serial);
  const envelope = golden('envelopes').find(({ title }) => title === 'data')?.bytes ?? Buffer.alloc(0);
  if (new Set([FIELDS, smartFields(bytes), declaredFields(bytes)]).size !== 1)
    throw new Error('the ways to read a value differ');
  const work: Record<string, () => unknown> = {
    'value: decode': () => decodeValue(bytes),
    'value: encode': () => encodeValue(CONN),
    'conn record: decode': () => decodeLogRecord(serial),
    'conn record: encode': () => encodeLogRecord(record),
    'value: decode JSON': () => decodeValueJson(json),
    'value: encode JSON': () => encodeValueJson(CONN),
    'envelope: decode': () => decodeEnvelope(envelope),
    'value by binary-parser': () => VALUE_PARSER.parse(bytes),
    'value by smart-buffer': () => smartValue(SmartBuffer.fromBuffer(bytes)),
    'header by direct reads': () => directHeader(envelope),
    'header by binary-parser': () => HEADER_PARSER.parse(envelope),
    'header by smart-buffer': () => smartHeader(envelope),
  };
  for (const [name, run] of Object.entries(work)) {
    bench.add(name, () => {
      for (let times = 0; times < AT_ONCE; times++) run();
    });
  }
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    return { name, perSecond: AT_ONCE * result.throughput.mean };
  });
}

/** Broker's values as a declarative layout. It knows no varbyte: lengths below 128 are one byte. */
const VALUE_PARSER = new Parser().namely('value');
const text = new Parser().uint8('length').string('text', { length: 'length' });
const items = new Parser().uint8('length').array('items', { type: 'value', length: 'length' });
VALUE_PARSER.endianess('big')
  .uint8('tag')
  .choice('content', {
    tag: 'tag',
    choices: {
      0: new Parser(),
      1: new Parser().uint8('boolean'),
      2: new Parser().endianess('big').uint64('count'),
      5: text,
      6: new Parser().buffer('address', { length: 16 }),
      8: new Parser().endianess('big').uint16('number').uint8('protocol'),
      9: new Parser().endianess('big').int64('nanos'),
      10: new Parser().endianess('big').int64('nanos'),
      11: text,
      12: items,
      14: items,
    },
  });

/** The same by smart-buffer, for the same types. */
function smartValue(buffer: SmartBuffer): unknown {
  const tag = buffer.readUInt8();
  switch (tag) {
    case 1:
      return buffer.readUInt8() === 1;
    case 2:
      return buffer.readBigUInt64BE();
    case 5:
    case 11:
      return buffer.readString(buffer.readUInt8());
    case 6:
      return buffer.readBuffer(16);
    case 8:
      return [buffer.readUInt16BE(), buffer.readUInt8()];
    case 9:
    case 10:
      return buffer.readBigInt64BE();
    case 12:
    case 14: {
      const length = buffer.readUInt8();
      const items: unknown[] = [];
      for (let index = 0; index < length; index++) items.push(smartValue(buffer));
      return items;
    }
    default:
      return null;
  }
}

/** How many fields the other ways see: they must read the same value to be compared. */
const smartFields = (bytes: Buffer): number =>
  (smartValue(SmartBuffer.fromBuffer(bytes)) as unknown[]).length;
const declaredFields = (bytes: Buffer): number => VALUE_PARSER.parse(bytes).content.items.length;

const HEADER_PARSER = new Parser()
  .endianess('big')
  .buffer('sender', { length: 16 })
  .buffer('receiver', { length: 16 })
  .uint8('tag')
  .uint16('ttl')
  .uint16('topicLength');

const directHeader = (bytes: Buffer) => ({
  sender: bytes.subarray(0, 16),
  receiver: bytes.subarray(16, 32),
  tag: bytes.readUInt8(32),
  ttl: bytes.readUInt16BE(33),
  topicLength: bytes.readUInt16BE(35),
});

function smartHeader(bytes: Buffer) {
  const buffer = SmartBuffer.fromBuffer(bytes);
  return {
    sender: buffer.readBuffer(16),
    receiver: buffer.readBuffer(16),
    tag: buffer.readUInt8(),
    ttl: buffer.readUInt16BE(),
    topicLength: buffer.readUInt16BE(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { name, perSecond } of await benchCodec()) {
    process.stdout.write(`${name.padEnd(26)} ${Math.round(perSecond).toLocaleString('en').padStart(12)}/s\n`);
  }
}
