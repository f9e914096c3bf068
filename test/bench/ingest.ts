import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Batch } from '../../src/bridge/batch.js';
import { Bridge } from '../../src/bridge/bridge.js';
import { columnSpecs } from '../../src/bridge/columns.js';
import { recordWriter } from '../../src/bridge/rows.js';
import { planRecord } from '../../src/bridge/transcode.js';
import { ensureLogTable } from '../../src/storage/log-tables.js';
import type { LogItem } from '../../src/zeek/item.js';
import { makeDatabase, type TestDatabase } from '../support/make-database.js';
import { projectFile } from '../support/project.js';
import { connCapture } from './conn-capture.js';
import { connItems, inMessages } from './conn-items.js';

/**
 * Log records to committed rows, from the bridge's items on (`bridge`) and from a capture file on (`replay`),
 * and the very same rows by `psql \copy` into a table of the same columns and indexes: in turn, in one run, on
 * one server.
 */

const exec = promisify(execFile);

export interface IngestResult {
  readonly records: number;
  /** Records a second through the transcoder alone, one core. */
  readonly transcodePerSecond: number;
  /** Rows a second of each round. */
  readonly bridge: readonly number[];
  readonly replay: readonly number[];
  readonly psql: readonly number[];
  /** The median of the rounds' bridge / psql, and of replay / psql. */
  readonly bridgeRatio: number;
  readonly replayRatio: number;
}

const BRIDGE = 'bench_bridge';
const REPLAY = 'bench_replay';
const PSQL = 'bench_psql';

const silent = { info: () => {}, warn: () => {}, error: () => {} };
const clock = { now: () => performance.now(), wallNanos: () => BigInt(Date.now()) * 1_000_000n };

/** @param records rows of each round. Throws when psql is missing or the two tables differ in the end. */
export async function benchIngest(records = 200_000, rounds = 5): Promise<IngestResult> {
  const items = await connItems(records, BRIDGE);
  const [first] = items;
  if (first === undefined) throw new RangeError('no records');
  const { chunks, perSecond } = transcodeAll(items);
  const database = await makeDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'zeekway-bench-'));
  try {
    const file = join(folder, 'rows');
    const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
    await writeFile(file, [header, ...chunks, Buffer.from([0xff, 0xff])]);
    const capture = join(folder, 'capture.pcap');
    await writeFile(capture, connCapture(await connItems(records, REPLAY)));
    const specs = columnSpecs(first.schema);
    const tables = new Map<string, string>();
    for (const path of [BRIDGE, REPLAY, PSQL]) {
      const { table } = await ensureLogTable(database.db, { path, stream: 'Bench::LOG' }, specs);
      tables.set(path, table);
    }
    const rates: Record<string, number[]> = { [BRIDGE]: [], [REPLAY]: [], [PSQL]: [] };
    const contenders: [string, () => Promise<void>][] = [
      [BRIDGE, () => throughBridge(database, items)],
      [REPLAY, () => throughReplay(database, capture)],
      [PSQL, () => throughPsql(database, tables.get(PSQL) ?? '', file)],
    ];
    for (let round = 0; round < rounds; round++) {
      await database.db.pool.query(`TRUNCATE ${[...tables.values()].join()}`);
      for (const [path, run] of round % 2 === 0 ? contenders : contenders.toReversed()) {
        await database.db.pool.query('CHECKPOINT');
        rates[path]?.push(records / (await seconds(run)));
      }
    }
    await expectSameRows(database, tables.get(BRIDGE) ?? '', tables.get(PSQL) ?? '');
    await expectRows(database, tables.get(REPLAY) ?? '', records);
    const [bridge, replay, psql] = [rates[BRIDGE] ?? [], rates[REPLAY] ?? [], rates[PSQL] ?? []];
    const against = (ours: readonly number[]): number =>
      median(ours.map((rate, round) => rate / (psql[round] ?? 0)));
    return {
      records,
      transcodePerSecond: perSecond,
      bridge,
      replay,
      psql,
      bridgeRatio: against(bridge),
      replayRatio: against(replay),
    };
  } finally {
    await database.remove();
    await rm(folder, { recursive: true });
  }
}

function transcodeAll(items: readonly LogItem[]): { chunks: Buffer[]; perSecond: number } {
  const write = recordWriter(planRecord(items[0]?.schema.fields ?? []));
  const target = { table: PSQL, columns: [] };
  const rates: number[] = [];
  let chunks: Buffer[] = [];
  for (let round = 0; round < 5; round++) {
    const batch = new Batch();
    const begin = performance.now();
    for (const item of items) {
      batch.add(target, item, 1, write);
    }
    rates.push((items.length * 1000) / (performance.now() - begin));
    chunks = batch.rowSets().flatMap((set) => set.chunks);
  }
  return { chunks, perSecond: median(rates) };
}

async function throughBridge({ db }: TestDatabase, items: readonly LogItem[]): Promise<void> {
  const bridge = new Bridge({ db, writerId: randomUUID(), logger: silent, clock });
  await bridge.run(inMessages(items));
  await bridge.close();
}

/** The whole command, as psql is measured: from the start of the process to its end. */
async function throughReplay({ url }: TestDatabase, file: string): Promise<void> {
  const main = projectFile('build/src/cli/main.js');
  await exec(process.execPath, [main, 'replay', file, '--again', '--database', url]);
}

async function throughPsql({ url }: TestDatabase, table: string, file: string): Promise<void> {
  const copy = `\\copy ${table} from '${file}' with (format binary)`;
  await exec('psql', ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--command', copy, url]);
}

async function expectSameRows({ db }: TestDatabase, a: string, b: string): Promise<void> {
  const { rows } = await db.pool.query<{ difference: string }>(
    `SELECT count(*) AS difference FROM ((TABLE ${a} EXCEPT ALL TABLE ${b}) UNION ALL (TABLE ${b} EXCEPT ALL TABLE ${a})) AS d`,
  );
  if (rows[0]?.difference !== '0') throw new Error(`the two tables differ in ${rows[0]?.difference} rows`);
}

async function expectRows({ db }: TestDatabase, table: string, expected: number): Promise<void> {
  const { rows } = await db.pool.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
  if (rows[0]?.count !== String(expected))
    throw new Error(`${table} has ${rows[0]?.count} rows, not ${expected}`);
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
