import type { LoadLog } from '../../load/plan.js';
import type { Terminal } from '../logger.js';
import { VERSION } from '../version.js';
import type { MemoryReport } from './gateway.js';
import type { Latency } from './probe.js';

/** How long rows took; processor time is not known where the processes cannot be seen. */
export interface Timed {
  readonly rows: number;
  readonly seconds: number;
  readonly postgresMicros: number | undefined;
}

export interface GatewayRound extends Timed {
  readonly gatewayMicros: number | undefined;
  readonly generatorMicros: number;
  readonly memory: MemoryReport | undefined;
  /** @property exactToMs it is found late by at most so much and the time of a query. */
  readonly latency?: Latency & { readonly exactToMs: number };
}

export interface Round {
  readonly gateway: GatewayRound;
  readonly copy?: Timed;
  readonly insert?: Timed;
}

/** Of the round in the middle. `null` is what could not be known. */
interface Way {
  readonly recordsPerSecond: number;
  readonly postgresMicrosPerRecord: number | null;
}

/** What `zeekway bench ingest --json` prints. */
export interface BenchReport {
  readonly version: string;
  readonly records: number;
  readonly workers: number;
  readonly mix: Readonly<Record<LoadLog, number>>;
  readonly rate?: number;
  readonly database: string;
  readonly processors: number;
  readonly node: string;
  readonly gateway: Way & {
    readonly gatewayMicrosPerRecord: number | null;
    readonly generatorMicrosPerRecord: number;
    readonly memory: MemoryReport | null;
    readonly latencyMs?: Latency & { readonly exactToMs: number };
  };
  readonly copy?: Way & { readonly tool: string };
  readonly insert?: Way & { readonly rows: number };
  /** The median of the rounds' gateway / COPY, and gateway / INSERT. */
  readonly ratios?: { readonly copy: number; readonly insert: number };
  /** Records a second, round by round. */
  readonly rounds: readonly { readonly gateway: number; readonly copy?: number; readonly insert?: number }[];
  readonly verified: { readonly ok: boolean; readonly problems: readonly string[] };
}

export interface Circumstances
  extends Pick<BenchReport, 'records' | 'workers' | 'mix' | 'rate' | 'database' | 'processors' | 'node'> {
  readonly copyTool?: string;
  readonly problems: readonly string[];
}

const rate = ({ rows, seconds }: Timed): number => rows / seconds;

const middle = <T>(items: readonly T[], by: (item: T) => number): T =>
  items.toSorted((a, b) => by(a) - by(b))[items.length >> 1] as T;

const each = (micros: number | undefined, rows: number): number | null =>
  micros === undefined ? null : Math.round((micros / rows) * 100) / 100;

const way = (timed: Timed): Way => ({
  recordsPerSecond: Math.round(rate(timed)),
  postgresMicrosPerRecord: each(timed.postgresMicros, timed.rows),
});

/** Puts the rounds together. */
export function summarize(rounds: readonly Round[], circumstances: Circumstances): BenchReport {
  const { copyTool, problems, ...told } = circumstances;
  const gateway = middle(
    rounds.map((round) => round.gateway),
    rate,
  );
  const copies = rounds.flatMap(({ copy }) => copy ?? []);
  const inserts = rounds.flatMap(({ insert }) => insert ?? []);
  const ratio = (other: 'copy' | 'insert'): number => {
    const ratios = rounds.flatMap((round) => {
      const timed = round[other];
      return timed ? [rate(round.gateway) / rate(timed)] : [];
    });
    return Math.round(middle(ratios, (value) => value) * 100) / 100;
  };
  const copy = copies.length > 0 && way(middle(copies, rate));
  const insert = inserts.length > 0 && middle(inserts, rate);
  return {
    version: VERSION,
    ...told,
    gateway: {
      ...way(gateway),
      gatewayMicrosPerRecord: each(gateway.gatewayMicros, gateway.rows),
      generatorMicrosPerRecord: each(gateway.generatorMicros, gateway.rows) ?? 0,
      memory: gateway.memory ?? null,
      ...(gateway.latency ? { latencyMs: roundedLatency(gateway.latency) } : {}),
    },
    ...(copy ? { copy: { ...copy, tool: copyTool ?? '' } } : {}),
    ...(insert ? { insert: { ...way(insert), rows: insert.rows } } : {}),
    ...(copy && insert ? { ratios: { copy: ratio('copy'), insert: ratio('insert') } } : {}),
    rounds: rounds.map((round) => ({
      gateway: Math.round(rate(round.gateway)),
      ...(round.copy ? { copy: Math.round(rate(round.copy)) } : {}),
      ...(round.insert ? { insert: Math.round(rate(round.insert)) } : {}),
    })),
    verified: { ok: problems.length === 0, problems },
  };
}

function roundedLatency({ p50, p99, max, exactToMs }: NonNullable<GatewayRound['latency']>) {
  return { p50: Math.round(p50), p99: Math.round(p99), max: Math.round(max), exactToMs };
}

const count = (number: number): string => number.toLocaleString('en');
const micros = (number: number | null): string => (number === null ? 'not known' : `${number.toFixed(1)} us`);

/** Prints a report for people. */
export function printReport(report: BenchReport, { out }: Terminal): void {
  const { gateway, copy, insert, ratios, mix, verified } = report;
  const line = (name: string, value: string, note = ''): void =>
    out(`${name.padEnd(34)} ${value.padStart(12)}${note === '' ? '' : `  ${note}`}`);
  const rounds =
    report.rounds.length === 1 ? 'one round' : `${report.rounds.length} rounds, the one in the middle`;
  const parts = Object.entries(mix).map(([log, part]) => `${log}=${part}`);
  out(`${report.database}; Node ${report.node}, ${report.processors} processors`);
  out(`${count(report.records)} records (${parts.join(', ')}) of ${report.workers} workers; ${rounds}`);
  out('');
  line('through the gateway', `${count(gateway.recordsPerSecond)}/s`);
  line('  processor time a record', micros(gateway.gatewayMicrosPerRecord), 'the gateway');
  line('', micros(gateway.postgresMicrosPerRecord), 'PostgreSQL');
  line('', micros(gateway.generatorMicrosPerRecord), 'the load generator');
  if (copy) {
    line(`by COPY (${copy.tool}, binary)`, `${count(copy.recordsPerSecond)}/s`);
    line('  processor time a record', micros(copy.postgresMicrosPerRecord), 'PostgreSQL');
  }
  if (insert) {
    line(
      'by one prepared INSERT a record',
      `${count(insert.recordsPerSecond)}/s`,
      `${count(insert.rows)} rows`,
    );
    line('  processor time a record', micros(insert.postgresMicrosPerRecord), 'PostgreSQL');
  }
  if (ratios) {
    line('gateway / COPY', ratios.copy.toFixed(2));
    line('gateway / INSERT', ratios.insert.toFixed(1));
  }
  const { memory, latencyMs } = gateway;
  if (latencyMs) {
    const { p50, p99, max, exactToMs } = latencyMs;
    const note = `p50 ${p50}, p99 ${p99}, max ${max}; found at most ${exactToMs} ms and a query late`;
    line('from the socket to SQL', `${p99} ms`, note);
  }
  line('memory of the gateway, at most', memory ? `${memory.maxMiB} MiB` : 'not known');
  if (memory) line(`  each ${memory.samplesEveryMs} ms`, '', memory.samplesMiB.join(' '));
  line('stored exactly what was sent', verified.ok ? 'yes' : 'NO');
}
