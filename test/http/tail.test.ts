import { once } from 'node:events';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { encodeLogRecord } from '../../src/codec/log-record.js';
import { LiveRows } from '../../src/live/live-rows.js';
import { field, logItem, origin, schemaOf } from '../bridge/support.js';
import { until } from '../support/endpoints.js';
import { openApi, type TestApi } from './api.js';

const schema = schemaOf('conn', [field('uid', 'string'), field('bytes', 'count')]);
const from = origin('w');
const conn = (uid: string, bytes: bigint) =>
  logItem(
    schema,
    encodeLogRecord([
      { type: 'string', value: uid },
      { type: 'count', value: bytes },
    ]),
    from,
  );

let api: TestApi;
let base: string;
const live = new LiveRows();
test.before(async (t) => {
  api = await openApi(t, { live });
  await api.makeLog('conn', [
    ['uid', 'string', 'text'],
    ['bytes', 'count', 'numeric(20,0)'],
  ]);
  base = (await api.server.listen({ port: 0, host: '127.0.0.1' })).replace('http://', '');
});
test.after.always(() => api.server.close());

/** Everything of a stream so far. */
async function tail(t: ExecutionContext, query: string) {
  const ended = new AbortController();
  t.teardown(() => ended.abort());
  const response = await fetch(`http://${base}/v1/tail?${query}`, { signal: ended.signal });
  const stream = { response, text: '', end: () => ended.abort() };
  t.is(response.status, 200);
  void (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) stream.text += decoder.decode(chunk, { stream: true });
    } catch (error) {
      if (!ended.signal.aborted) throw error;
    }
  })();
  await until('the stream is there', () => stream.text.startsWith(':\n\n'));
  return stream;
}

test.serial('rows come as events, those of the filter and with the fields asked for', async (t) => {
  const filter = encodeURIComponent('bytes >= 1kB');
  const stream = await tail(t, `log=conn&filter=${filter}&fields=uid,bytes`);
  t.is(stream.response.headers.get('content-type'), 'text/event-stream');
  t.is(stream.response.headers.get('cache-control'), 'no-store');
  live.offer([conn('C1', 5n), conn('C2', 5_000n)]);
  await until('the row is there', () => stream.text.includes('C2'));
  t.is(stream.text, ':\n\nevent: row\ndata: {"path":"conn","row":{"uid":"C2","bytes":5000}}\n\n');
});

test.serial('the same over a WebSocket', async (t) => {
  const socket = new WebSocket(`ws://${base}/v1/tail?log=conn&fields=uid,_source`);
  t.teardown(() => socket.terminate());
  await once(socket, 'open');
  const frame = once(socket, 'message');
  // The connection is open before the gateway watches.
  const offering = setInterval(() => live.offer([conn('W1', 1n)]), 20);
  const [data] = await frame;
  clearInterval(offering);
  t.deepEqual(JSON.parse(String(data)), {
    event: 'row',
    data: { path: 'conn', row: { uid: 'W1', _source: { kind: 'live', name: 'w', peer: from.peer } } },
  });
});

test.serial('a client that does not read loses rows and is told how many; others lose none', async (t) => {
  const good = await tail(t, 'log=conn&fields=uid');
  const slow = connect(Number(base.split(':')[1]), '127.0.0.1');
  t.teardown(() => slow.destroy());
  await once(slow, 'connect');
  slow.write(`GET /v1/tail?log=conn&fields=uid HTTP/1.1\r\nHost: ${base}\r\n\r\n`);
  await once(slow, 'readable');
  slow.pause();
  const long = 'x'.repeat(100_000);
  const sent = 400;
  for (let n = 0; n < sent; n++) {
    live.offer([conn(`${n} ${long}`, 1n)]);
    await until('the good one has it', () => good.text.includes(`"${n} `));
    good.text = good.text.slice(-200_000);
  }
  let text = '';
  slow.on('data', (chunk) => {
    text += String(chunk);
  });
  slow.resume();
  // The queue is emptied before more comes.
  await until('it is read', () => text.length > 4_000_000);
  live.offer([conn('last', 1n)]);
  await until('the last row is there', () => {
    if (!text.includes('"last"')) live.offer([conn('last', 1n)]);
    return text.includes('"last"');
  });
  const gaps = [...text.matchAll(/event: gap\r?\ndata: \{"dropped":(\d+)\}/g)].map(([, n]) => Number(n));
  const rows = [...text.matchAll(/"uid":"\d+ /g)].length;
  t.true(gaps.length > 0);
  t.true(rows > 10);
  t.true(gaps.reduce((sum, n) => sum + n, rows) >= sent, `${rows} rows, gaps ${gaps}`);
});

test.serial('who leaves is forgotten', async (t) => {
  const own = new LiveRows();
  const other = await openApi(t, { live: own });
  const url = await other.server.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => other.server.close());
  const ended = new AbortController();
  t.is((await fetch(`${url}/v1/tail?log=conn&log=conn`, { signal: ended.signal })).status, 200);
  t.is(own.watchers, 1);
  ended.abort();
  await until('nobody watches', () => own.watchers === 0);
});

test.serial('mistakes are told before the stream begins', async (t) => {
  const get = async (query: string) => (await fetch(`http://${base}/v1/tail?${query}`)).json();
  t.like(await get('log=con'), { status: 404, detail: 'there is no log "con"; did you mean "conn"?' });
  t.like(await get(`log=conn&filter=${encodeURIComponent('bites > 1')}`), {
    code: 'filter_invalid',
    at: { from: 0, to: 5 },
  });
  t.like(await get('log=conn&fields=bites'), { code: 'request_invalid' });
  t.like(await get(''), { code: 'request_invalid', detail: '"log" is missing' });
  const socket = new WebSocket(`ws://${base}/v1/tail?log=con`);
  const [, response] = await once(socket, 'unexpected-response');
  t.is(response.statusCode, 404);
  const foreign = new WebSocket(`ws://${base}/v1/tail?log=conn`, { origin: 'https://evil.example' });
  const [, refused] = await once(foreign, 'unexpected-response');
  t.is(refused.statusCode, 403);
});
