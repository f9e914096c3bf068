import { fileURLToPath } from 'node:url';
import { decodeLogRecord, type LogValue } from '../codec/log-record.js';
import { systemClock } from '../peer/system.js';
import { openReplay } from '../replay/replay.js';
import type { LogSchema } from '../zeek/log-schema.js';
import type { LoadLog } from './plan.js';

/** A log as Zeek announced it, and records that Zeek wrote. Their first fields are `HEAD_FIELDS`. */
export interface LogSamples {
  readonly schema: LogSchema;
  readonly records: readonly (readonly LogValue[])[];
}

export type Samples = Readonly<Record<LoadLog, LogSamples>>;

/** The fields with which all of these logs begin, none of them ever absent. */
const HEAD_FIELDS = ['ts', 'uid', 'id.orig_h', 'id.orig_p', 'id.resp_h'] as const;

/** A cluster of Zeek 8.2.2 at work: the recording that comes with the package. */
const CAPTURE = fileURLToPath(import.meta.resolve('#pcaps/broker-cluster.pcap'));

/** Reads the samples; takes about 100 ms. Throws `file_unreadable`. */
export async function readSamples(): Promise<Samples> {
  const found = new Map<string, { schema: LogSchema; records: LogValue[][] }>();
  const replay = await openReplay(CAPTURE, { clock: systemClock });
  for await (const items of replay.items()) {
    for (const item of items) {
      if (item.kind !== 'log') continue;
      const samples = found.get(item.schema.path) ?? { schema: item.schema, records: [] };
      samples.records.push(decodeLogRecord(item.serial));
      found.set(item.schema.path, samples);
    }
  }
  const of = (log: LoadLog): LogSamples => {
    const samples = found.get(log);
    const head = samples?.schema.fields.slice(0, HEAD_FIELDS.length).map(({ name }) => name);
    if (samples === undefined || head?.join() !== HEAD_FIELDS.join()) {
      throw new Error(`${CAPTURE} has no ${log} records that begin with ${HEAD_FIELDS.join(', ')}`);
    }
    return samples;
  };
  return { conn: of('conn'), dns: of('dns'), http: of('http') };
}
