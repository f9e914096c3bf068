import pg from 'pg';
import pino from 'pino';
import { retryDeadLetters } from '../../src/bridge/retry.js';
import { OPEN_GATE } from '../../src/core/access.js';
import { createServer } from '../../src/http/server.js';
import type { Database } from '../../src/storage/database.js';
import { inspectPayload } from '../../src/zeek/inspect.js';
import { makeDatabase } from '../support/make-database.js';
import { makeConn, type QuestionData } from './question-data.js';

/**
 * The questions that analysts ask every day, of millions of connections: the API against SQL that somebody who knows the
 * tables would write for the same answer, in turn, in one run; with the partitions and indexes that the API's own
 * statement uses.
 */

interface Question {
  readonly name: string;
  readonly url: string;
  readonly sql: string;
}

export interface Answer {
  readonly name: string;
  /** Medians, milliseconds. */
  readonly api: number;
  readonly sql: number;
  readonly ratio: number;
  readonly partitions: number;
  readonly indexes: readonly string[];
}

const iso = (seconds: number): string => new Date(seconds * 1_000).toISOString();
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** @param known a host, a UID and a community ID that are in the last day. */
function questions(
  { path, end }: QuestionData,
  known: { host: string; uid: string; id: string },
): Question[] {
  const table = `logs.${pg.escapeIdentifier(path)}`;
  const [day, night, hour] = [end - 86_400, end - 8 * 3_600, end - 3_600];
  const range = (from: number): string => `from=${iso(from)}&to=${iso(end)}`;
  const within = (from: number): string => `ts >= '${iso(from)}' AND ts < '${iso(end)}'`;
  const filter = (text: string): string => `filter=${encodeURIComponent(text)}`;
  const log = `/v1/logs/${path}`;
  const rows = (where: string, limit = 100): string =>
    `SELECT * FROM ${table} WHERE ${where} ORDER BY ts DESC LIMIT ${limit}`;
  return [
    { name: 'newest rows', url: `${log}?limit=100`, sql: rows(within(hour)) },
    {
      name: 'what a host talked to today',
      url: `${log}?${range(day)}&limit=100&${filter(`id.orig_h == ${known.host}`)}`,
      sql: rows(`${within(day)} AND "id.orig_h" = '${known.host}'`),
    },
    {
      name: 'who reached a subnet this hour',
      url: `${log}?${range(hour)}&limit=100&${filter('id.resp_h in 192.168.1.0/24')}`,
      sql: rows(`${within(hour)} AND "id.resp_h" <<= '192.168.1.0/24'`),
    },
    {
      name: 'everything of a uid',
      url: `/v1/uid/${known.uid}`,
      sql: `SELECT * FROM ${table} WHERE uid = '${known.uid}'`,
    },
    {
      name: 'a community ID of today',
      url: `/v1/community-id/${encodeURIComponent(known.id)}?${range(day)}`,
      sql: `SELECT * FROM ${table} WHERE uid IN (SELECT uid FROM ${table} WHERE community_id = '${known.id}' AND ${within(day)})`,
    },
    {
      name: 'top talkers last night',
      url: `${log}/aggregate?${range(night)}&by=id.orig_h&metrics=sum:orig_bytes,count&limit=10`,
      sql: `SELECT "id.orig_h", sum(orig_bytes), count(*) FROM ${table} WHERE ${within(night)} GROUP BY 1 ORDER BY 2 DESC NULLS LAST LIMIT 10`,
    },
    {
      name: 'rare ports of a day',
      url: `${log}/aggregate?${range(day)}&by=id.resp_p&sort=count&limit=20`,
      sql: `SELECT "id.resp_p", count(*) FROM ${table} WHERE ${within(day)} GROUP BY 1 ORDER BY 2, 1 LIMIT 20`,
    },
    {
      name: 'long connections of a day',
      url: `${log}?${range(day)}&limit=100&${filter('duration > 6min')}`,
      sql: rows(`${within(day)} AND duration > 360`),
    },
    {
      name: 'a day in an hour each, by service',
      url: `${log}/histogram?${range(day)}&width=1h&by=service`,
      sql: `SELECT date_bin('1 hour', ts, '${iso(day)}'), service, count(*) FROM ${table} WHERE ${within(day)} GROUP BY 1, 2`,
    },
    {
      name: 'durations by service, 95 %',
      url: `${log}/aggregate?${range(day)}&by=service&metrics=p95:duration,count`,
      sql: `SELECT service, percentile_cont(0.95) WITHIN GROUP (ORDER BY duration), count(*) FROM ${table} WHERE ${within(day)} GROUP BY 1 ORDER BY 2 DESC`,
    },
  ];
}

/** A statement that the API ran. */
interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** A server on the database, and what it asked it since it was last looked at. */
function listening(db: Database) {
  const asked: Statement[] = [];
  const client = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
  const { query } = client;
  client.query = function (this: pg.Client, ...args: unknown[]) {
    const [config] = args as [{ text?: string; values?: unknown[] } | string];
    if (typeof config === 'object' && config.text !== undefined) {
      asked.push({ text: config.text, values: config.values ?? [] });
    }
    return query.apply(this, args);
  };
  const server = createServer({
    pool: db.queryPool,
    probePool: db.pool,
    peers: () => [],
    health: () => ({ ready: true, checks: [] }),
    deadLetters: { inspect: inspectPayload, retry: () => retryDeadLetters(db, {}) },
    gate: OPEN_GATE,
    logger: pino({ level: 'silent' }),
    version: 'bench',
    queryTimeoutMs: 600_000,
  });
  return { server, taken: () => asked.splice(0) };
}

/** The partitions and indexes in the plans of statements. */
async function plansOf(db: Database, statements: readonly Statement[]) {
  const [partitions, indexes] = [new Set<string>(), new Set<string>()];
  for (const { text, values } of statements) {
    const select = text.replace(/^DECLARE page NO SCROLL CURSOR FOR /, '');
    if (!/^\s*(SELECT|WITH)/i.test(select) || !/logs\./.test(select)) continue;
    const { rows } = await db.pool.query({ text: `EXPLAIN (FORMAT JSON) ${select}`, values });
    JSON.stringify(rows, (key, value) => {
      if (key === 'Relation Name' && /_\d{8}$/.test(value)) partitions.add(value);
      if (key === 'Index Name') indexes.add(String(value).replace(/_\d{8}/, ''));
      return value;
    });
  }
  return { partitions: partitions.size, indexes: [...indexes].toSorted() };
}

/** The ten questions. @param rounds of each, of which the first does not count. */
async function benchQuestions(db: Database, data: QuestionData, rounds: number): Promise<Answer[]> {
  const { server, taken } = listening(db);
  const client = new pg.Client(db.pool.options as pg.ClientConfig);
  await client.connect();
  try {
    return await askAll(db, data, rounds, client, server, taken);
  } finally {
    await client.end();
    await server.close();
  }
}

async function askAll(
  db: Database,
  data: QuestionData,
  rounds: number,
  client: pg.Client,
  server: ReturnType<typeof listening>['server'],
  taken: () => Statement[],
): Promise<Answer[]> {
  await client.query("SET timezone = 'UTC'");
  const table = `logs.${pg.escapeIdentifier(data.path)}`;
  const { rows } = await client.query(
    `SELECT host("id.orig_h") AS host, uid, community_id AS id FROM ${table} WHERE ts >= $1 AND ts < $2 ORDER BY ts OFFSET 1000 LIMIT 1`,
    [iso(data.end - 7_200), iso(data.end)],
  );
  const answers: Answer[] = [];
  for (const { name, url, sql } of questions(data, rows[0])) {
    const [api, direct]: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const begin = performance.now();
      const answer = await server.inject(url);
      const middle = performance.now();
      if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.body}`);
      const result = await client.query({ text: sql, rowMode: 'array' });
      const end = performance.now();
      if (result.rows.length === 0) throw new Error(`${name}: nothing is found`);
      if (round === 0) continue;
      api.push(middle - begin);
      direct.push(end - middle);
    }
    taken();
    await server.inject(url);
    const plans = await plansOf(db, taken());
    const ratio = median(api.map((time, index) => time / (direct[index] ?? 1)));
    answers.push({ name, api: median(api), sql: median(direct), ratio, ...plans });
  }
  return answers;
}

/** How much longer page `number` of the newest rows takes than the first. */
async function benchPages(db: Database, { path }: QuestionData, number: number): Promise<number> {
  const { server } = listening(db);
  let next = `/v1/logs/${path}?limit=100`;
  const times: number[] = [];
  for (let page = 0; page < number; page++) {
    const begin = performance.now();
    const { next: following, rows } = (await server.inject(next)).json();
    times.push(performance.now() - begin);
    if (rows.length !== 100) throw new Error(`page ${page} has ${rows.length} rows`);
    next = following;
  }
  await server.close();
  return median(times.slice(-100)) / median(times.slice(0, 100));
}

/** How much longer the last day's aggregate takes in a log of many days than in one of that day alone. */
async function benchDays(
  db: Database,
  one: QuestionData,
  many: QuestionData,
  rounds: number,
): Promise<number> {
  const { server } = listening(db);
  const ratios: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const times: number[] = [];
    for (const { path, end } of [one, many]) {
      const begin = performance.now();
      const answer = await server.inject(
        `/v1/logs/${path}/aggregate?from=${iso(end - 86_400)}&to=${iso(end)}&by=service`,
      );
      if (answer.statusCode !== 200) throw new Error(answer.body);
      times.push(performance.now() - begin);
    }
    if (round > 0) ratios.push((times[1] ?? 0) / (times[0] ?? 1));
  }
  await server.close();
  return median(ratios);
}

/** All of it on a database of its own. */
export async function benchAllQuestions(rows: number, rounds: number) {
  const database = await makeDatabase();
  const { db } = database;
  try {
    const conn = await makeConn(db, 'conn', rows, 10);
    const answers = await benchQuestions(db, conn, rounds);
    const pages = await benchPages(db, conn, Math.min(10_000, Math.floor(rows / 100)));
    const perDay = Math.floor(rows / 100);
    const one = await makeConn(db, 'one', perDay, 1);
    const many = await makeConn(db, 'many', perDay * 100, 100);
    return { server: database.server, answers, pages, days: await benchDays(db, one, many, rounds) };
  } finally {
    await database.remove();
  }
}
