import test from 'ava';
import { type Json, openApi, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  await api.makeLog('conn', [
    ['ts', 'time', 'timestamptz'],
    ['id.orig_h', 'addr', 'inet'],
    ['net', 'subnet', 'inet'],
    ['proto', 'enum', 'text'],
    ['service', 'string', 'text'],
    ['bytes', 'count', 'numeric(20,0)'],
    ['ratio', 'double', 'double precision'],
    ['tags', 'set[string]', 'text[]'],
  ]);
  const rows: Record<string, string>[] = [
    { service: 'dns', proto: 'udp', tags: '{a,b}' },
    { service: 'dns', proto: 'udp', tags: '{b}' },
    { service: 'say "hi"', proto: 'in', net: '10.0.0.0/8' },
    { service: 'back\\slash \\xff', proto: 'A::b', net: '10.0.0.1/32' },
    { service: 'line\nbreak', proto: 'bytes', ratio: 'NaN' },
  ];
  for (const [index, row] of rows.entries())
    await api.addRow('conn', { ts: `2026-11-24T03:00:0${index}Z`, 'id.orig_h': '2001:db8::1', ...row });
});
test.after.always(() => api.close());

const ask = async (filter: string, at?: number): Promise<Json> => {
  const url = `/v1/logs/conn/complete?filter=${encodeURIComponent(filter)}${at === undefined ? '' : `&at=${at}`}`;
  const { status, body } = await api.get(url);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
};
const texts = (answer: Json): string[] => (answer['items'] as { text: string }[]).map(({ text }) => text);

test('fields with their types, at the cursor', async (t) => {
  const answer = await ask('orig && service == "dns"', 4);
  t.like(answer, { from: 0, to: 4 });
  t.deepEqual(answer['items'], [{ text: 'id.orig_h', kind: 'field', detail: 'addr' }]);
});

test('values come by how often they are there', async (t) => {
  const answer = await ask('service == ');
  t.deepEqual((answer['items'] as Json[])[0], { text: '"dns"', kind: 'value', detail: '2×' });
  t.deepEqual(texts(await ask('service == d')), ['"dns"']);
  t.deepEqual(texts(await ask('service == "d')), ['"dns"']);
  t.deepEqual(texts(await ask('tags has ')).slice(0, 2), ['"b"', '"a"']);
});

for (const field of ['service', 'proto', 'net', 'id.orig_h', 'ratio'])
  test(`each value of ${field} that is offered is one, and finds its rows`, async (t) => {
    const answer = await ask(`${field} == `);
    const values = (answer['items'] as { text: string; kind: string }[]).filter(
      ({ kind }) => kind === 'value',
    );
    const known = new Set((await api.rows('/v1/logs/conn')).map((row) => row[field]).filter(Boolean));
    known.delete('NaN');
    t.is(values.length, known.size);
    for (const { text } of values) {
      const filter = `${field} == ${text}`;
      t.is((await ask(filter))['error'], undefined, filter);
      t.true((await api.rows(`/v1/logs/conn?filter=${encodeURIComponent(filter)}`)).length > 0, filter);
    }
  });

test('it says whether the filter is valid, and where it is not', async (t) => {
  t.is((await ask(''))['error'], undefined);
  t.deepEqual((await ask('servce == "dns"'))['error'], {
    message: 'at character 1: "servce" is no field of the log "conn"; did you mean "service"?',
    at: { from: 0, to: 6 },
  });
});

// Serial tests come first: the others want to read what this one locks.
test.serial('without time for values the rest is there', async (t) => {
  const slow = await openApi(t, { queryTimeoutMs: 30_000 });
  t.teardown(() => slow.close());
  const client = await api.pool.connect();
  try {
    await client.query('BEGIN; LOCK TABLE logs.conn IN ACCESS EXCLUSIVE MODE');
    t.deepEqual(texts((await slow.get('/v1/logs/conn/complete?filter=proto%20==%20')).body), ['unset']);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

test('a log that there is not', async (t) => {
  t.is((await api.get('/v1/logs/con/complete?filter=')).status, 404);
});
