import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Zeekway } from '../cli/cli.js';
import { ownDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { zeromqMessages } from '../support/recordings.js';
import { pusher } from '../support/zeromq-cluster.js';

/*
 * A recorded cluster's logs, live: what a tail shows is what is stored.
 */

test('a tail of conn shows the rows of its filter as the API has them', async (t) => {
  const { db, url } = await ownDatabase(t);
  const gateway = new Zeekway(t, [
    'serve',
    ...['--listen', 'zeromq-log://127.0.0.1:0', '--http', '127.0.0.1:0', '--database', url],
    ...['--data', mkdtempSync(join(tmpdir(), 'zeekway-tail-'))],
  ]);
  await until('the API is up', () => gateway.err.includes('API at'), 30_000);
  const port = Number(/listening for peers at 127\.0\.0\.1:(\d+)/.exec(gateway.err)?.[1]);
  const api = /API at (http:\/\/[^,]+),/.exec(gateway.err)?.[1] ?? '';
  const push = pusher(t, port);
  const batches = zeromqMessages().filter(({ socket }) => socket === 'pull');
  const isConn = ({ parts }: (typeof batches)[number]) => String(parts[3]).includes('conn_state');
  t.true(batches.filter(isConn).length > 0);
  const pushAll = async () => {
    for (const { parts } of batches) await push.send([...parts]);
  };
  const count = async (): Promise<number> =>
    Number(
      (await db.pool.query("SELECT to_regclass('logs.conn') IS NULL AS none")).rows[0].none === false
        ? (await db.pool.query('SELECT count(*) FROM logs.conn')).rows[0].count
        : 0,
    );
  await pushAll();
  await until('conn is stored', async () => (await count()) > 0, 30_000);
  await until(
    'nothing more comes',
    async () => {
      const before = await count();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return (await count()) === before;
    },
    30_000,
  );
  const rows = await count();

  const filter = 'service == "dns" || duration > 10sec || history ~ /^Sh/';
  const query = new URLSearchParams({ filter });
  const ended = new AbortController();
  t.teardown(() => ended.abort());
  const response = await fetch(`${api}/v1/tail?log=conn&${query}`, { signal: ended.signal });
  t.is(response.status, 200);
  let text = '';
  void (async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  })().catch((error: unknown) => {
    if (!ended.signal.aborted) throw error;
  });
  await pushAll();
  await until('all is stored again', async () => (await count()) === 2 * rows, 30_000);
  const answer = (await (await fetch(`${api}/v1/logs/conn?limit=10000&${query}`)).json()) as {
    rows: unknown[];
  };
  const stored = new Set(answer.rows.map((row) => JSON.stringify(row)));
  await until('the tail has them', () => (text.match(/^data: /gm)?.length ?? 0) >= answer.rows.length / 2);
  const live = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data));
  t.is(live.length, answer.rows.length / 2);
  t.true(live.length > 10 && live.length < rows, `${live.length} of ${rows}`);
  for (const { path, row } of live) {
    t.is(path, 'conn');
    t.true(stored.has(JSON.stringify(row)), JSON.stringify(row));
  }
  ended.abort();
  gateway.kill('SIGTERM');
  t.is((await gateway.end()).code, 0, gateway.err);
});
