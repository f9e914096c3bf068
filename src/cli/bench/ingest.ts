import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ZeekwayError } from '../../core/errors.js';
import { checkStored, problems } from '../../load/check.js';
import { Generator } from '../../load/generator.js';
import { LOAD_LOGS, type LoadLog, type LoadPlan } from '../../load/plan.js';
import { type RecordStream, streamsOf } from '../../load/records.js';
import { readSamples, type Samples } from '../../load/samples.js';
import { type Database, openDatabase } from '../../storage/database.js';
import { Cleanup } from '../cleanup.js';
import { EXIT_INTERRUPTED, type Terminal } from '../logger.js';
import { openStore } from '../store.js';
import { CopyContender, InsertContender, type Tables } from './contenders.js';
import { type Gateway, MemorySampler, startGateway } from './gateway.js';
import { type Awaited, PROBE_MS, Probe } from './probe.js';
import { cpuMicros, ServerProcesses } from './processes.js';
import {
  type BenchReport,
  type GatewayRound,
  printReport,
  type Round,
  summarize,
  type Timed,
} from './report.js';

export interface BenchIngestOptions {
  readonly workers: number;
  readonly records: number;
  /** Records a second of all workers; as fast as possible where it is left out. */
  readonly rate?: number;
  readonly mix: Readonly<Record<LoadLog, number>>;
  readonly rounds: number;
  /** Whether to measure COPY and INSERT, too. */
  readonly compare: boolean;
  readonly database?: string;
  readonly json: boolean;
}

/** Network time goes on at this speed where no rate is given: it has to be some speed, and always the same one. */
const PACE = 20_000;
/** `zeekway bench ingest`. @returns the exit code: 1 where not exactly what was sent is stored. */
export async function benchIngestCommand(
  options: BenchIngestOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const cleanup = new Cleanup();
  const interrupted = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  const measured = measure(options, terminal, cleanup);
  try {
    const report = await Promise.race([measured, interrupted.then(() => undefined)]);
    if (report === undefined) return EXIT_INTERRUPTED;
    if (options.json) terminal.out(JSON.stringify(report));
    else printReport(report, terminal);
    if (report.verified.ok) return 0;
    throw new ZeekwayError('bench_mismatch', report.verified.problems.join('; '));
  } finally {
    await cleanup.run();
    // It fails when its parts are ended; what it was about to start when it was interrupted is ended now.
    await measured.catch(() => {});
    await cleanup.run();
  }
}

/** Everything that the rounds need. */
interface Stage extends Tables {
  readonly db: Database;
  readonly server: ServerProcesses | undefined;
  readonly gateway: Gateway;
  readonly samples: Samples;
  readonly folder: string;
  readonly cleanup: Cleanup;
}

async function measure(
  options: BenchIngestOptions,
  terminal: Terminal,
  cleanup: Cleanup,
): Promise<BenchReport> {
  const stage = await openStage(options, terminal, cleanup);
  const { records, workers, rate, mix } = options;
  // With a rate the gateway waits for the generator: there is nothing to compare.
  const compare = options.compare && rate === undefined;
  let others: { copy: CopyContender; insert: InsertContender } | undefined;
  const rounds: Round[] = [];
  const wrong: string[] = [];
  for (let number = 0; number < options.rounds; number++) {
    const tell = (what: string): void => terminal.err(`round ${number + 1} of ${options.rounds}: ${what}`);
    const ways: (() => Promise<Partial<Round>>)[] = [
      async () => {
        tell(`${records} records through the gateway`);
        const { round, problems } = await throughGateway(stage, options, number);
        wrong.push(...problems);
        if (compare) others ??= await takeRows(stage, records);
        return { gateway: round };
      },
    ];
    if (compare) {
      ways.push(
        async () => {
          tell('the same rows by COPY');
          return { copy: await timed(stage, () => others?.copy.run()) };
        },
        async () => {
          tell('a part of them, one INSERT each');
          return { insert: await timed(stage, () => others?.insert.run()) };
        },
      );
    }
    // In turns, so that what goes on on the machine falls on all alike.
    let round: Partial<Round> = {};
    for (const way of number % 2 === 0 ? ways : ways.toReversed()) {
      round = { ...round, ...(await way()) };
      await clear(stage);
    }
    rounds.push(round as Round);
  }
  return summarize(rounds, {
    records,
    workers,
    mix,
    ...(rate === undefined ? {} : { rate }),
    database: stage.db.description,
    processors: availableParallelism(),
    node: process.version,
    ...(others ? { copyTool: others.copy.tool } : {}),
    problems: wrong,
  });
}

/** What the gateway has stored, for the others to store. */
const takeRows = async (stage: Stage, rows: number) => ({
  copy: await CopyContender.prepare(stage, stage.folder, rows),
  insert: await InsertContender.prepare(stage),
});

/** A database of our own and a gateway that stores in it. */
async function openStage(
  { database, mix }: BenchIngestOptions,
  { err }: Terminal,
  cleanup: Cleanup,
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'zeekway-bench-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  // The embedded PostgreSQL of root runs as somebody else, who has to get in.
  await chmod(folder, 0o755);
  const data = join(folder, 'data');
  const own = database === undefined ? undefined : await createDatabase(database, err, cleanup);
  const db = await openStore({ data, ...(own === undefined ? {} : { database: own }) }, err);
  cleanup.add(() => db.close());
  const url = own ?? embeddedUrl(db);
  const client = new pg.Client({ connectionString: url, application_name: 'zeekway bench' });
  client.on('error', () => {});
  await client.connect();
  cleanup.add(() => client.end());
  const store = own === undefined ? [] : ['--database', own];
  const gateway = await startGateway(['--data', data, ...store]);
  cleanup.add(() => gateway.stop());
  const rows = join(folder, 'rows');
  await mkdir(rows);
  return {
    db,
    url,
    client,
    server: await ServerProcesses.find(client),
    gateway,
    samples: await readSamples(),
    folder: rows,
    logs: LOAD_LOGS.filter((log) => mix[log] > 0),
    cleanup,
  };
}

/** A new database on the user's server, dropped at the end: theirs is not touched. */
async function createDatabase(url: string, log: (line: string) => void, cleanup: Cleanup): Promise<string> {
  const server = await openDatabase({ url, log });
  cleanup.add(() => server.close());
  const name = `zeekway_bench_${randomBytes(6).toString('hex')}`;
  await server.pool.query(`CREATE DATABASE ${name}`).catch((error: Error) => {
    const what = `cannot make a database for the benchmark: ${error.message}`;
    throw new ZeekwayError('database_failed', what, {}, { cause: error });
  });
  cleanup.add(() => server.pool.query(`DROP DATABASE ${name} WITH (FORCE)`));
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}

function embeddedUrl({ pool }: Database): string {
  const { host = '', port, user = '', database } = pool.options;
  return `postgres://${user}@${encodeURIComponent(host)}:${port}/${database}`;
}

async function throughGateway(
  stage: Stage,
  { workers, records, rate, mix }: BenchIngestOptions,
  round: number,
): Promise<{ round: GatewayRound; problems: string[] }> {
  const { client, gateway, logs, samples, server } = stage;
  const plan: LoadPlan = {
    run: `r${String(round).padStart(3, '0')}`,
    seed: round,
    workers,
    records,
    mix,
    startMicros: Date.now() * 1000,
    pace: rate ?? PACE,
  };
  const streams = Array.from({ length: workers }, (_, worker) => streamsOf(plan, worker, samples)).flat();
  const of = (log: LoadLog, worker: number): RecordStream =>
    streams.find((stream) => stream.log === log && stream.worker === worker) as RecordStream;
  const probe = new Probe(client, logs, rate === undefined);
  const { url } = gateway;
  const how = { plan, url, tellMessages: rate !== undefined, ...(rate === undefined ? {} : { rate }) };
  const generator = new Generator(how, ({ log, worker, end, ...message }) =>
    probe.add({ log, uid: of(log, worker).uid(end - 1), ...message }),
  );
  stage.cleanup.add(async () => generator.kill());
  await Promise.race([generator.peered(), gateway.failed]);
  await Promise.race([tablesExist(stage), gateway.failed]);
  await checkpoint(client);
  const used = async () => ({ gateway: await cpuMicros(gateway.pid), server: await server?.cpuMicros() });
  const memory = new MemorySampler(gateway.pid);
  stage.cleanup.add(async () => void (await memory.stop()));
  const before = await used();
  const send = async () => {
    const report = await generator.run();
    // Without a rate only the last message of each stream is waited for.
    if (rate === undefined) for (const awaited of lastOf(streams)) probe.add(awaited);
    probe.last();
    return report;
  };
  const [report, end] = await Promise.race([Promise.all([send(), probe.run(records)]), gateway.failed]);
  const after = await used();
  const memoryReport = await memory.stop();
  await generator.end();
  const findings = await checkStored((sql) => client.query(sql), streams, report.sent);
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM zeekway.dead_letters');
  const latency = rate === undefined ? undefined : probe.latency();
  const wrong = problems(findings);
  if (rows[0]?.count !== '0') wrong.push(`${rows[0]?.count} dead letters`);
  return {
    round: {
      rows: records,
      seconds: (end - report.began) / 1000,
      gatewayMicros: difference(after.gateway, before.gateway),
      postgresMicros: difference(after.server, before.server),
      generatorMicros: report.cpuMicros,
      memory: memoryReport,
      ...(latency === undefined ? {} : { latency: { ...latency, exactToMs: PROBE_MS } }),
    },
    problems: wrong,
  };
}

const difference = (after: number | undefined, before: number | undefined): number | undefined =>
  after === undefined || before === undefined ? undefined : after - before;

const lastOf = (streams: readonly RecordStream[]): Awaited[] =>
  streams
    .filter(({ target }) => target > 0)
    .map((stream) => ({ log: stream.log, uid: stream.uid(stream.target - 1), records: 1, at: 0 }));

/** The gateway makes the tables when the logs are announced: that is not to be measured. */
async function tablesExist({ client, logs }: Tables): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ made: boolean }>(
      'SELECT bool_and(to_regclass(name) IS NOT NULL) AS made FROM unnest($1::text[]) AS name',
      [logs.map((log) => `logs.${log}`)],
    );
    if (rows[0]?.made) return;
    await sleep(PROBE_MS);
  }
}

async function clear({ client, logs }: Tables): Promise<void> {
  await client.query(`TRUNCATE ${logs.map((log) => `logs.${log}`).join(', ')}`);
}

/** What was written before is on disk before something is measured. Not everybody may do it: then it is left. */
const checkpoint = (client: pg.Client): Promise<unknown> => client.query('CHECKPOINT').catch(() => {});

async function timed({ client, server }: Stage, work: () => Promise<number> | undefined): Promise<Timed> {
  await checkpoint(client);
  const before = await server?.cpuMicros();
  const begin = performance.now();
  const rows = (await work()) ?? 0;
  const seconds = (performance.now() - begin) / 1000;
  return { rows, seconds, postgresMicros: difference(await server?.cpuMicros(), before) };
}
