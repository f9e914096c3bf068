import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { tableFromIPC } from 'apache-arrow';
import test from 'ava';
import { parquetMetadata } from 'hyparquet';
import { EXPORT_GROUP_ROWS, EXPORT_STREAMS } from '../../../src/core/limits.js';
import { type Json, openApi, type TestApi } from '../api.js';

/* Whole results over real connections: all rows, in order, in bounded memory, and never a part that looks whole. */

const ROWS = 200_000;

let api: TestApi;
let port: number;
test.before(async (t) => {
  api = await openApi(t);
  await api.makeLog('big', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
    ['n', 'count', 'numeric(20,0)'],
    ['names', 'set[string]', 'text[]'],
  ]);
  await api.pool.query(
    `INSERT INTO logs.big (ts, uid, n, names, _received, _source)
     SELECT timestamptz '2026-11-24T00:00:00Z' + n * interval '1 ms', 'C' || n, n, ARRAY['a' || n, repeat('x', 100)], now(), 1
       FROM generate_series(0, ${ROWS - 1}) AS n`,
  );
  await api.server.listen({ host: '127.0.0.1', port: 0 });
  const address = api.server.server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
test.after.always(() => api.close());

async function open(
  query: string,
  headers: Readonly<Record<string, string>> = {},
  at = port,
): Promise<IncomingMessage> {
  const request = get({ host: '127.0.0.1', port: at, path: `/v1/logs/big?${query}`, headers, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function body(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Where exports are in pg_stat_activity. */
const EXPORTS = `FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND query LIKE '% export%'`;

/** Transactions of exports that the server still has. */
async function openTransactions(): Promise<number> {
  const { rows } = await api.pool.query<{ n: number }>(`SELECT count(*)::int AS n ${EXPORTS}`);
  return rows[0]?.n ?? Number.NaN;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

/** How many rows an answer has, and how far memory grew while it was read and thrown away. */
async function drained(response: IncomingMessage): Promise<{ newlines: number; grown: number }> {
  const used = (): number => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  let newlines = 0;
  let most = before;
  for await (const part of response) {
    newlines += (part as Buffer).toString('latin1').split('\n').length - 1;
    most = Math.max(most, used());
  }
  return { newlines, grown: most - before };
}

/** Generous: what is collected late counts, too. All rows together are several times as much. */
const MEMORY = 200 * 1024 * 1024;

/** Lines besides the rows; binary formats have none. */
const LINES: Readonly<Record<string, number>> = { ndjson: 0, csv: 1, tsv: 9 };

for (const format of ['ndjson', 'csv', 'tsv', 'parquet', 'arrow']) {
  test.serial(`all rows as ${format}, in bounded memory`, async (t) => {
    const { newlines, grown } = await drained(await open(`format=${format}`));
    const extra = LINES[format];
    if (extra !== undefined) t.is(newlines, ROWS + extra);
    t.true(grown < MEMORY, String(grown));
  });
}

test.serial('all rows as Parquet, in order', async (t) => {
  const bytes = await body(await open('format=parquet&order=asc'));
  const metadata = parquetMetadata(Uint8Array.from(bytes).buffer);
  t.is(metadata.num_rows, BigInt(ROWS));
  t.true(metadata.row_groups.length > 5);
  t.deepEqual(
    metadata.row_groups.map(({ columns }) => columns[2]?.meta_data?.statistics?.min_value),
    metadata.row_groups.map((_, index) => BigInt(EXPORT_GROUP_ROWS * index)),
  );
});

test.serial('all rows as Arrow, in order', async (t) => {
  const table = tableFromIPC(await body(await open('format=arrow&order=desc')));
  t.is(table.numRows, ROWS);
  t.true(table.batches.length > 5);
  const numbers = table.getChild('n')?.toArray() as BigUint64Array;
  t.true(numbers.every((n, index) => n === BigInt(ROWS - 1 - index)));
});

for (const order of ['asc', 'desc'] as const) {
  test.serial(`limits, small and beyond a page, ${order}`, async (t) => {
    for (const limit of [1, 9_999, 10_001]) {
      const lines = (await body(await open(`format=csv&fields=n&order=${order}&limit=${limit}`))).toString();
      const expected = Array.from({ length: limit }, (_, index) =>
        order === 'asc' ? index : ROWS - 1 - index,
      );
      t.is(lines, ['n', ...expected, ''].join('\r\n'));
    }
  });
}

test.serial('rows sorted by a field', async (t) => {
  for (const limit of ['', '&limit=20000', '&limit=5']) {
    const lines = (await body(await open(`format=csv&fields=n&sort=-n${limit}`))).toString().split('\r\n');
    t.deepEqual(lines.slice(1, 4), [ROWS - 1, ROWS - 2, ROWS - 3].map(String));
  }
});

/** An export of which no more is read, and which waits for its client. */
async function stalled(query: string): Promise<{ response: IncomingMessage; socket: Socket }> {
  const connected = once(api.server.server, 'connection') as Promise<[Socket]>;
  const response = await open(query);
  response.pause();
  const [socket] = await connected;
  await until(async () => socket.writableNeedDrain);
  return { response, socket };
}

test.serial('a client that reads slowly holds the rows back, and gets them all', async (t) => {
  const { response, socket } = await stalled('format=ndjson');
  t.true(socket.bytesWritten < 16 * 1024 * 1024, String(socket.bytesWritten));
  t.is(await openTransactions(), 1);
  t.is((await drained(response)).newlines, ROWS);
  await until(async () => (await openTransactions()) === 0);
});

test.serial('a client that goes away ends its query', async (t) => {
  const { response } = await stalled('format=csv');
  t.is(await openTransactions(), 1);
  response.destroy();
  await until(async () => (await openTransactions()) === 0);
  t.is((await body(await open('format=csv&limit=1'))).toString().split('\r\n').length, 3);
});

test.serial('a client that goes away while the database is not done ends its query', async (t) => {
  const locker = await api.pool.connect();
  await locker.query('BEGIN; LOCK TABLE logs.big IN ACCESS EXCLUSIVE MODE');
  const request = get({ host: '127.0.0.1', port, path: '/v1/logs/big?format=csv', agent: false });
  const failed = once(request, 'error');
  await until(async () => (await openTransactions()) === 1);
  request.destroy(new Error('gone'));
  await failed;
  await until(async () => (await openTransactions()) === 0);
  await locker.query('ROLLBACK');
  locker.release();
  t.is((await drained(await open('format=csv'))).newlines, ROWS + 1);
});

test.serial('no more than a few at once; pages go on', async (t) => {
  const running = [];
  for (let index = 0; index < EXPORT_STREAMS; index++) running.push(await stalled('format=ndjson'));
  const refused = await open('format=ndjson');
  t.is(refused.statusCode, 503);
  t.regex(String(refused.headers['content-type']), /^application\/problem\+json/);
  t.is((JSON.parse((await body(refused)).toString()) as Json)['code'], 'too_many_exports');
  t.is((await open('limit=1')).statusCode, 200);
  for (const { response } of running) response.destroy();
  await until(async () => (await openTransactions()) === 0);
  // The place is given free a moment after the transaction has ended.
  await until(async () => (await open('format=ndjson&limit=1')).statusCode === 200);
});

for (const format of ['ndjson', 'csv', 'parquet'] as const) {
  test.serial(`${format}: an error in the middle is no end`, async (t) => {
    const { response } = await stalled(`format=${format}`);
    await api.pool.query(`SELECT pg_terminate_backend(pid) ${EXPORTS}`);
    const parts: Buffer[] = [];
    response.on('data', (part: Buffer) => void parts.push(part)).resume();
    const [error] = (await once(response, 'error')) as [NodeJS.ErrnoException];
    t.is(error.code, 'ECONNRESET');
    t.false(response.complete);
    if (format !== 'ndjson') return;
    const last = Buffer.concat(parts).toString().trimEnd().split('\n').at(-1) ?? '';
    t.like(JSON.parse(last), { error: { code: 'database_unreachable', status: 503 } });
  });
}

test.serial('an export that takes too long is cut', async (t) => {
  const hurried = await openApi(t, { exportTimeoutMs: 1 });
  t.teardown(() => hurried.close());
  const { statusCode, body: problem } = await hurried.server.inject('/v1/logs/big?format=csv');
  t.is(statusCode, 504);
  t.is((JSON.parse(problem) as Json)['code'], 'query_timeout');
});

test.serial('a server that is closed breaks its exports off', async (t) => {
  const closing = await openApi(t);
  const address = await closing.server.listen({ host: '127.0.0.1', port: 0 });
  const connected = once(closing.server.server, 'connection') as Promise<[Socket]>;
  const response = await open('format=ndjson', {}, Number(new URL(address).port));
  const [socket] = await connected;
  response.pause();
  await until(async () => socket.writableNeedDrain);
  const failed = once(response, 'error');
  response.on('data', () => {});
  await closing.close();
  response.resume();
  await failed;
  t.false(response.complete);
  await until(async () => (await openTransactions()) === 0);
});

for (const [accept, mediaType] of [
  ['application/x-ndjson', 'application/x-ndjson'],
  ['text/csv', 'text/csv'],
  ['text/tab-separated-values', 'text/tab-separated-values'],
  ['application/vnd.apache.parquet', 'application/vnd.apache.parquet'],
  ['application/vnd.apache.arrow.stream', 'application/vnd.apache.arrow.stream'],
  ['text/csv;q=0.5, application/x-ndjson', 'application/x-ndjson'],
  ['text/csv;q=0, */*', 'application/json; charset=utf-8'],
  ['text/html, application/xhtml+xml, */*;q=0.8', 'application/json; charset=utf-8'],
  ['application/json, text/csv', 'application/json; charset=utf-8'],
  ['image/png', 'application/json; charset=utf-8'],
] as const) {
  test.serial(`Accept: ${accept}`, async (t) => {
    const response = await open('limit=1', { accept });
    t.is(response.headers['content-type'], mediaType);
    t.is(response.headers['vary'], 'Accept');
    t.is(response.headers['x-content-type-options'], 'nosniff');
    response.resume();
  });
}

test.serial('the parameter is stronger than the header', async (t) => {
  const response = await open('format=json&limit=1', { accept: 'text/csv' });
  t.regex(String(response.headers['content-type']), /json/);
  const other = await open('format=tsv&limit=1', { accept: 'text/csv' });
  t.is(other.headers['content-disposition'], 'attachment; filename="big.log"');
  response.resume();
  other.resume();
});

for (const [query, code, detail] of [
  ['format=xml', 'request_invalid', /"format" is one of json, ndjson, csv, tsv, parquet, arrow/],
  ['format=csv&cursor=x', 'request_invalid', /"cursor" is for pages/],
  ['format=csv&fields=nothing', 'request_invalid', /"nothing" in "fields"/],
  ['format=csv&filter=n%20==', 'filter_invalid', /./],
  ['format=csv&limit=0', 'request_invalid', /"limit"/],
  ['limit=10001', 'request_invalid', /"limit" is at most 10000 in JSON/],
] as const) {
  test.serial(`refused: ${query}`, async (t) => {
    const response = await open(query);
    const problem = JSON.parse((await body(response)).toString()) as Json;
    t.is(response.statusCode, 400);
    t.is(response.headers['content-disposition'], undefined);
    t.is(problem['code'], code);
    t.regex(String(problem['detail']), detail);
  });
}

test.serial('HEAD tells the type and sends no rows', async (t) => {
  const { statusCode, headers, rawPayload } = await api.server.inject({
    method: 'HEAD',
    url: '/v1/logs/big?format=parquet',
  });
  t.is(statusCode, 200);
  t.is(headers['content-type'], 'application/vnd.apache.parquet');
  t.is(rawPayload.length, 0);
});
