import test from 'ava';
import { type Json, openApi, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  for (const [name, value, received] of [
    ['A::a', '1', '2026-11-23T10:00:00Z'],
    ['B::b', '10', '2026-11-23T11:00:00Z'],
    ['A::a', '2', '2026-11-24T10:00:00Z'],
    ['A::a', '18446744073709551615', '2026-11-24T12:00:00Z'],
    ['C::c', '7', '2026-11-24T12:00:00Z'],
  ]) {
    await api.pool.query(
      `INSERT INTO zeekway.identifiers (name, value, received, source) VALUES ($1, $2, $3, 1)`,
      [name, `{"@data-type": "count", "data": ${value}}`, received],
    );
  }
});
test.after.always(() => api.close());

const values = async (url: string): Promise<string[]> => {
  const { body } = await api.get(url);
  return (body['identifiers'] as Json[]).map(({ name, value }) => `${name} ${(value as Json)['data']}`);
};

test('the newest value of each, also as it was at a time', async (t) => {
  t.deepEqual(await values('/v1/identifiers'), ['A::a 18446744073709551615', 'B::b 10', 'C::c 7']);
  t.deepEqual(await values('/v1/identifiers?at=2026-11-24T11:00:00Z'), ['A::a 2', 'B::b 10']);
  t.deepEqual(await values('/v1/identifiers?at=2026-11-23T10:30:00Z'), ['A::a 1']);
  t.deepEqual(await values('/v1/identifiers?at=2020-01-01'), []);
});

test('a page at a time', async (t) => {
  const { body } = await api.get('/v1/identifiers?limit=2');
  t.is(body['after'], 'B::b');
  t.deepEqual(await values(`/v1/identifiers?limit=2&after=${body['after']}`), ['C::c 7']);
  t.is((await api.get('/v1/identifiers?limit=2&after=B::b')).body['after'], undefined);
});

test('the history of one', async (t) => {
  t.deepEqual(await values('/v1/identifiers/A::a'), ['A::a 18446744073709551615', 'A::a 2', 'A::a 1']);
  t.deepEqual(await values('/v1/identifiers/A::a?order=asc&limit=1'), ['A::a 1']);
  t.deepEqual(await values('/v1/identifiers/A::a?to=2026-11-24'), ['A::a 1']);
  t.deepEqual(await values('/v1/identifiers/A::a?from=2027-01-01'), []);
  const { status, body } = await api.get('/v1/identifiers/A');
  t.deepEqual([status, body['code']], [404, 'not_found']);
});
