import { Address } from '../../src/codec/address.js';
import {
  encodeLogRecord,
  type LogField,
  type LogScalar,
  type LogType,
  type LogValue,
} from '../../src/codec/log-record.js';
import { Port } from '../../src/codec/port.js';
import type { Item, LogItem, Origin } from '../../src/zeek/item.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';

/** Records like those of fixtures/zeek/native-logs/json/conn.log: its 25 fields, with values spread as there. */

const field = (name: string, type: LogType, subtype: LogType = 'void'): LogField => ({
  name,
  type,
  subtype,
  optional: true,
});

const FIELDS: readonly LogField[] = [
  field('ts', 'time'),
  field('uid', 'string'),
  field('id.orig_h', 'addr'),
  field('id.orig_p', 'port'),
  field('id.resp_h', 'addr'),
  field('id.resp_p', 'port'),
  field('proto', 'enum'),
  field('service', 'string'),
  field('duration', 'interval'),
  field('orig_bytes', 'count'),
  field('resp_bytes', 'count'),
  field('conn_state', 'string'),
  field('local_orig', 'bool'),
  field('local_resp', 'bool'),
  field('missed_bytes', 'count'),
  field('history', 'string'),
  field('orig_pkts', 'count'),
  field('orig_ip_bytes', 'count'),
  field('resp_pkts', 'count'),
  field('resp_ip_bytes', 'count'),
  field('tunnel_parents', 'table', 'string'),
  field('ip_proto', 'count'),
  field('community_id', 'string'),
  field('orig_l2_addr', 'string'),
  field('resp_l2_addr', 'string'),
];

const connSchema = (path: string): LogSchema => ({
  stream: 'Conn::LOG',
  writer: 'Log::WRITER_ASCII',
  path,
  fields: FIELDS,
});

/** Numbers that look random and are the same in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SERVICES = ['dns', 'ssl', 'http', 'ntp', 'ssh'];
const STATES = ['SF', 'S0', 'OTH', 'RSTO', 'SHR'];
const HISTORIES = ['Dd', 'D', 'ShADadFf', 'ShADdaFfR', '^d'];

/** @param count how many records, @param path of their log. One origin, one schema, a second of traffic in 5,000. */
export function connItems(count: number, path: string): LogItem[] {
  const random = randomNumbers(1);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = (texts: readonly string[]): string => texts[below(texts.length)] as string;
  const text = (length: number): string => Array.from({ length }, () => ALPHABET[below(62)]).join('');
  const address = (): Address =>
    random() < 0.8
      ? Address.fromBytes(Uint8Array.of(10, below(4), below(256), below(256)))
      : Address.parse(`2001:db8:${below(65536).toString(16)}::${below(65536).toString(16)}`);
  const mac = (): string =>
    Array.from({ length: 6 }, () => below(256).toString(16).padStart(2, '0')).join(':');
  const counter = (): LogValue => ({
    type: 'count',
    value: BigInt(Math.floor(10 ** (random() * 6)) - 1),
  });
  const string = (value: string): LogValue => ({ type: 'string', value });
  const absent = (type: LogScalar): LogValue => ({ type, subtype: 'void', absent: true });

  const record = (index: number): LogValue[] => {
    const answered = random() < 0.8;
    return [
      { type: 'time', value: 1_700_000_000 + index / 5_000 + below(200) / 1e6 },
      string(`C${text(17)}`),
      { type: 'addr', value: address() },
      { type: 'port', value: Port.of(1024 + below(64_000), 'tcp') },
      { type: 'addr', value: address() },
      { type: 'port', value: Port.of([53, 443, 80, 123, 22][below(5)] as number, 'tcp') },
      { type: 'enum', value: pick(['tcp', 'udp', 'udp', 'icmp']) },
      answered ? string(pick(SERVICES)) : absent('string'),
      answered ? { type: 'interval', value: random() * 100 } : absent('interval'),
      answered ? counter() : absent('count'),
      answered ? counter() : absent('count'),
      string(pick(STATES)),
      { type: 'bool', value: random() < 0.5 },
      { type: 'bool', value: random() < 0.5 },
      { type: 'count', value: 0n },
      string(pick(HISTORIES)),
      counter(),
      counter(),
      counter(),
      counter(),
      { type: 'table', subtype: 'string', value: random() < 0.05 ? [string(`C${text(17)}`)] : [] },
      { type: 'count', value: answered ? 6n : 17n },
      string(`1:${text(27)}=`),
      string(mac()),
      string(mac()),
    ];
  };

  const schema = connSchema(path);
  const origin: Origin = {
    kind: 'live',
    peer: 'b0a8f0a0-3c5e-4d5e-9a55-6f5d0f2a7c11',
    name: '127.0.0.1:9999',
  };
  return Array.from({ length: count }, (_, index) => ({
    kind: 'log',
    origin,
    topic: 'zeek/logs/Conn::LOG',
    received: 1_700_000_000_000_000_000n + BigInt(index) * 200_000n,
    schema,
    serial: encodeLogRecord(record(index)),
  }));
}

/** Items as they come from a peer: up to 400 records a message (`Broker::log_batch_size`). */
export async function* inMessages(items: readonly Item[], perMessage = 400): AsyncGenerator<readonly Item[]> {
  for (let index = 0; index < items.length; index += perMessage) yield items.slice(index, index + perMessage);
}
