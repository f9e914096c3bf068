import { Address } from '../codec/address.js';
import { encodeLogRecord, isAbsent, type LogValue } from '../codec/log-record.js';
import { Port } from '../codec/port.js';
import type { LogSchema } from '../zeek/log-schema.js';
import { checkPlan, LOAD_LOGS, type LoadLog, type LoadPlan, MOST_RECORDS, NUMBER_DIGITS } from './plan.js';
import type { LogSamples, Samples } from './samples.js';

/**
 * Records that can be made again at any time: record `number` of a log of a worker follows from the plan alone.
 * It is one of Zeek's own (see samples.ts) with another time, UID, client and server: so the lengths, the types and
 * what is absent are spread as in reality, and the values that indexes are made of are as many as at a busy site.
 */

/** Records that come round as samples before they repeat, with other times, UIDs, clients and servers. */
export const RING_RECORDS = 2_000;

/** Thoroughly mixed 32 bits (the end of MurmurHash3). */
function mixBits(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Some clients are seen much more often than others: 256 in each network, by the square of chance. */
export const clientHost = (hash: number): number => Math.floor(((hash & 0xffff) / 0x10000) ** 2 * 256);
/** Servers even more so: 4,096 in each network, by its third power. */
export const serverHost = (hash: number): number => Math.floor(((hash >>> 16) / 0x10000) ** 3 * 4_096);
/** An ephemeral port. */
export const clientPort = (hash: number): number => 1_024 + (mixBits(hash) % 64_512);

/** The records of one log of one worker. */
export class RecordStream {
  readonly schema: LogSchema;
  private readonly key: number;
  private readonly uidEnd: string;
  private readonly picks: Uint16Array;

  constructor(
    readonly log: LoadLog,
    readonly worker: number,
    /** How many there are. */
    readonly target: number,
    /** This log's part in all that is sent. */
    readonly share: number,
    private readonly plan: LoadPlan,
    private readonly samples: LogSamples,
  ) {
    this.schema = samples.schema;
    this.key = mixBits(mixBits(plan.seed) ^ ((worker << 8) | LOAD_LOGS.indexOf(log)));
    this.uidEnd = String(worker).padStart(4, '0') + plan.run;
    const { length } = samples.records;
    this.picks = Uint16Array.from({ length: RING_RECORDS }, (_, index) => mixBits(this.key + index) % length);
  }

  get run(): string {
    return this.plan.run;
  }

  /** Chance for a record: 32 bits. */
  hash(number: number): number {
    return mixBits(this.key ^ Math.imul(number + 1, 0x9e3779b1));
  }

  /** Which of the samples a record is made of. */
  sampleIndex(number: number): number {
    return this.picks[number % RING_RECORDS] as number;
  }

  sample(number: number): readonly LogValue[] {
    return this.samples.records[this.sampleIndex(number)] as readonly LogValue[];
  }

  /** The time of a record, in microseconds since the Unix epoch: to a double of seconds and back it stays the same. */
  micros(number: number): number {
    return this.plan.startMicros + Math.floor((number * 1e6) / (this.plan.pace * this.share));
  }

  /**
   * 18 characters, as Zeek's: `C`, the number in nine digits backwards, the worker in four, the run. Backwards, so
   * that an index in the order of UIDs has them as scattered as Zeek's own.
   */
  uid(number: number): string {
    const digits = String(number).padStart(NUMBER_DIGITS, '0');
    return `C${[...digits].reverse().join('')}${this.uidEnd}`;
  }

  /** The values that a record does not have from its sample: those of `HEAD_FIELDS`. */
  head(number: number): LogValue[] {
    const sample = this.sample(number);
    const hash = this.hash(number);
    const [, , client, port, server] = sample;
    if (client === undefined || port === undefined || server === undefined) return [];
    return [
      { type: 'time', value: this.micros(number) / 1e6 },
      { type: 'string', value: this.uid(number) },
      withHost(client, clientHost(hash)),
      hasClientPort(sample) ? withPort(port, clientPort(hash)) : port,
      withHost(server, serverHost(hash)),
    ];
  }

  values(number: number): LogValue[] {
    const head = this.head(number);
    return [...head, ...this.sample(number).slice(head.length)];
  }

  /** The record as LogWrite carries it. `RecordRing` does the same fast. */
  encode(number: number): Buffer {
    return encodeLogRecord(this.values(number));
  }
}

/** Ports of services, and the types that ICMP has in their place, stay as they are. */
export function hasClientPort(sample: readonly LogValue[]): boolean {
  const port = sample[3];
  return port?.type === 'port' && !isAbsent(port) && port.value.number >= 1_024;
}

function withHost(value: LogValue, host: number): LogValue {
  if (value.type !== 'addr' || isAbsent(value)) return value;
  const bytes = Uint8Array.from(value.value.bytes);
  bytes[14] = host >> 8;
  bytes[15] = host & 0xff;
  return { type: 'addr', value: Address.fromBytes(bytes) };
}

function withPort(value: LogValue, number: number): LogValue {
  if (value.type !== 'port' || isAbsent(value)) return value;
  return { type: 'port', value: Port.of(number, value.value.protocol) };
}

/** The streams of a worker, one for each log of the mix. Throws `config_invalid` where the plan cannot be. */
export function streamsOf(plan: LoadPlan, worker: number, samples: Samples): RecordStream[] {
  checkPlan(plan);
  const { workers, records = workers * MOST_RECORDS, mix } = plan;
  const whole = LOAD_LOGS.reduce((sum, log) => sum + mix[log], 0);
  const own = Math.floor(records / workers) + (worker < records % workers ? 1 : 0);
  let parts = 0;
  return LOAD_LOGS.flatMap((log) => {
    // By the sums, so that what is rounded off of one log goes to the next.
    const before = Math.round((own * parts) / whole);
    parts += mix[log];
    const target = Math.round((own * parts) / whole) - before;
    const share = mix[log] / whole / workers;
    return mix[log] === 0 ? [] : [new RecordStream(log, worker, target, share, plan, samples[log])];
  });
}
