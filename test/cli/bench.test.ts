import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ownDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { Zeekway, zeekway } from './cli.js';

/** A folder for the temporary files of one run; others may get in, as into /tmp. */
function temporary(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'b-'));
  chmodSync(folder, 0o755);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function benchDatabases(t: ExecutionContext) {
  const { url, db } = await ownDatabase(t);
  const left = async (): Promise<string[]> => {
    const { rows } = await db.pool.query(`SELECT datname FROM pg_database WHERE datname ~ '^zeekway_bench_'`);
    return rows.map(({ datname }) => datname);
  };
  return { url, db, left };
}

test.serial(
  'it measures in a database of its own, checks what is stored, and leaves nothing behind',
  async (t) => {
    const { url, db, left } = await benchDatabases(t);
    const folder = temporary(t);
    const args = ['--workers', '3', '--records', '6000', '--rounds', '2', '--mix', 'conn=2,dns=1'];
    const run = await zeekway(t, ['bench', 'ingest', '--json', ...args], {
      DATABASE_URL: url,
      TMPDIR: folder,
    });
    t.is(run.code, 0, run.err);
    const report = JSON.parse(run.out);
    t.like(report, { records: 6000, workers: 3, mix: { conn: 2, dns: 1, http: 0 } });
    t.deepEqual(report.verified, { ok: true, problems: [] });
    t.regex(report.database, /^PostgreSQL \d+.* at /);
    t.is(report.rounds.length, 2);
    for (const way of [report.gateway, report.copy, report.insert, ...report.rounds.flatMap(Object.values)]) {
      t.true((typeof way === 'number' ? way : way.recordsPerSecond) > 0);
    }
    t.true(report.ratios.copy > 0 && report.ratios.insert > 0);
    t.true(report.gateway.generatorMicrosPerRecord > 0);
    t.true(report.insert.rows > 0 && report.insert.rows <= 6000);
    t.true(['psql', 'pg-copy-streams'].includes(report.copy.tool));
    t.is(report.gateway.latencyMs, undefined);
    if (process.platform === 'linux') {
      t.true(report.gateway.gatewayMicrosPerRecord > 0);
      t.true(report.gateway.memory.maxMiB > 20 && report.gateway.memory.samplesMiB.length > 0);
    }
    t.deepEqual(await left(), []);
    t.deepEqual(readdirSync(folder), []);
    const { rows } = await db.pool.query('SELECT path FROM zeekway.logs');
    t.deepEqual(rows, []);
  },
);

test.serial('with a rate it tells the latency; without psql and --database it has its own', async (t) => {
  const folder = temporary(t);
  const args = ['--workers', '2', '--records', '3000', '--rounds', '1', '--rate', '3000'];
  const run = await zeekway(t, ['bench', 'ingest', ...args], { TMPDIR: folder });
  t.is(run.code, 0, run.err);
  t.regex(run.out, /^embedded PostgreSQL \d+/);
  t.regex(run.out, /^through the gateway +[\d,]+\/s$/m);
  t.regex(run.out, /^from the socket to SQL +\d+ ms {2}p50 \d+, p99 \d+, max \d+; found at most 20 ms/m);
  t.regex(run.out, /^stored exactly what was sent +yes$/m);
  t.notRegex(run.out, /COPY|INSERT/);
  t.deepEqual(readdirSync(folder), []);
});

test.serial('where there is no psql the rows are copied without', async (t) => {
  const { url } = await benchDatabases(t);
  const args = ['--records', '2000', '--rounds', '1', '--json', '--database', url];
  const run = await zeekway(t, ['bench', 'ingest', ...args], { PATH: '/nowhere' });
  t.is(run.code, 0, run.err);
  const { copy, verified } = JSON.parse(run.out);
  t.is(copy.tool, 'pg-copy-streams');
  t.true(copy.recordsPerSecond > 0 && verified.ok);
});

test.serial('Ctrl-C ends all of it', async (t) => {
  const { url, left } = await benchDatabases(t);
  const folder = temporary(t);
  const bench = new Zeekway(t, ['bench', 'ingest', '--database', url], { TMPDIR: folder });
  await until('it is at work', () => bench.err.includes('through the gateway'), 30_000);
  t.is((await left()).length, 1);
  bench.kill('SIGINT');
  t.is((await bench.end()).code, 130);
  t.deepEqual(await left(), []);
  t.deepEqual(readdirSync(folder), []);
});

/** The process whose command line has all of these words in it. */
const processWith = (...words: string[]): number | undefined =>
  readdirSync('/proc')
    .map(Number)
    .find((pid) => {
      if (!(pid > 0)) return false;
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        return words.every((word) => line.includes(word));
      } catch {
        return false;
      }
    });

(process.platform === 'linux' ? test.serial : test.serial.skip)(
  'a gateway that dies in the middle ends it with its reason',
  async (t) => {
    const { url, left } = await benchDatabases(t);
    const folder = temporary(t);
    const bench = new Zeekway(t, ['bench', 'ingest', '--database', url], { TMPDIR: folder });
    await until('it is at work', () => bench.err.includes('through the gateway'), 30_000);
    const gateway = processWith('serve', folder);
    t.truthy(gateway);
    if (gateway) process.kill(gateway, 'SIGKILL');
    const { code, err } = await bench.end();
    t.is(code, 1);
    t.regex(err, /the gateway ended with SIGKILL: .*API at.* \[bench_failed\]/);
    t.deepEqual(await left(), []);
    t.deepEqual(readdirSync(folder), []);
  },
);

for (const [what, args, pattern] of [
  ['a mix of a log that is not generated', ['--mix', 'conn=1,ssl=2'], /expected parts of conn, dns, http/],
  ['a mix of nothing', ['--mix', 'conn=0'], /expected a part above 0/],
  ['no records', ['--records', '0'], /expected a whole number above 0/],
  ['workers that are no number', ['--workers', 'many'], /expected a whole number above 0/],
  ['no database there', ['--database', 'postgres://127.0.0.1:1/x'], /\[database_unreachable\]/],
] as const) {
  test.serial(`${what}: a clear line and an exit code`, async (t) => {
    const { code, err } = await zeekway(t, ['bench', 'ingest', ...args]);
    t.is(code, 1);
    t.regex(err, pattern);
    t.notRegex(err, /^ +at /m);
  });
}
