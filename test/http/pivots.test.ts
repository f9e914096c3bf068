import test from 'ava';
import { COMMUNITY_ID_UIDS } from '../../src/core/limits.js';
import { type Json, openApi, type TestApi } from './api.js';

const ID = '1:LQU9qZlK+B5F3KDmev6m5PMibrg=';
const SLASHED = '1:a/b+c=';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
  const [ts, uid] = [['ts', 'time', 'timestamptz'] as const, ['uid', 'string', 'text'] as const];
  const id = ['community_id', 'string', 'text'] as const;
  await api.makeLog('conn', [ts, uid, id]);
  await api.makeLog('dns', [ts, uid]);
  await api.makeLog('suricata', [ts, id]);
  await api.makeLog('files', [ts, ['fuid', 'string', 'text'], uid, ['parent_fuid', 'string', 'text']]);
  await api.makeLog('http', [ts, uid, ['resp_fuids', 'vector[string]', 'text[]']]);
  await api.makeLog('smtp', [ts, uid, ['fuids', 'vector[string]', 'text[]']]);
  await api.makeLog('pe', [ts, ['id', 'string', 'text']]);
  await api.makeLog('counters', [ts, ['id', 'count', 'numeric(20,0)'], ['fuid', 'count', 'numeric(20,0)']]);
  const at = (second: number): { ts: string } => ({ ts: `2026-11-24T03:00:0${second}Z` });
  await api.addRow('conn', { ...at(2), uid: 'C2', community_id: ID });
  await api.addRow('conn', { ...at(1), uid: 'C1', community_id: ID });
  await api.addRow('conn', { ...at(3), uid: 'C3', community_id: SLASHED });
  await api.addRow('conn', { ...at(4), uid: 'C4' });
  for (const one of ['C1', 'C2', 'C3', 'C4']) await api.addRow('dns', { ...at(5), uid: one });
  await api.addRow('suricata', { ...at(6), community_id: ID });
  await api.addRow('files', { ...at(1), fuid: 'F1', uid: 'C4' });
  await api.addRow('files', { ...at(2), fuid: 'F2', uid: 'C4', parent_fuid: 'F1' });
  await api.addRow('http', { ...at(1), uid: 'C4', resp_fuids: '{F0,F1}' });
  await api.addRow('smtp', { ...at(1), uid: 'C4', fuids: '{F1}' });
  await api.addRow('pe', { ...at(1), id: 'F1' });
});
test.after.always(() => api.close());

/** The rows of an answer by log, `field` of each. */
async function found(url: string, field: string): Promise<Json> {
  const { status, body } = await api.get(url);
  if (status !== 200) throw new Error(JSON.stringify(body));
  const logs = body['logs'] as { path: string; rows: Json[] }[];
  return Object.fromEntries(logs.map(({ path, rows }) => [path, rows.map((row) => row[field] ?? null)]));
}

test('a file in all logs', async (t) => {
  t.deepEqual(await found('/v1/fuid/F1', 'fuid'), { files: ['F1'] });
  t.deepEqual(await found('/v1/fuid/F3', 'fuid'), {});
});

test('related=true: also the rows that refer to the file', async (t) => {
  t.deepEqual(await found('/v1/fuid/F1?related=true', 'ts'), {
    files: ['2026-11-24T03:00:01.000000Z', '2026-11-24T03:00:02.000000Z'],
    http: ['2026-11-24T03:00:01.000000Z'],
    pe: ['2026-11-24T03:00:01.000000Z'],
    smtp: ['2026-11-24T03:00:01.000000Z'],
  });
});

test('limit is for each log, and more says that there are more', async (t) => {
  const { body } = await api.get('/v1/fuid/F1?related=true&limit=1');
  const logs = body['logs'] as { path: string; rows: Json[]; more: boolean }[];
  t.deepEqual(
    logs.map(({ path, rows, more }) => [path, rows.length, more]),
    [
      ['files', 1, true],
      ['http', 1, false],
      ['pe', 1, false],
      ['smtp', 1, false],
    ],
  );
});

test('a community ID has all rows of its connections, latest uid first', async (t) => {
  const { body } = await api.get(`/v1/community-id/${ID}`);
  t.is(body['communityId'], ID);
  t.deepEqual(body['uids'], ['C2', 'C1']);
  t.false('moreUids' in body);
  t.deepEqual(await found(`/v1/community-id/${ID}`, 'uid'), {
    conn: ['C1', 'C2'],
    dns: ['C1', 'C2'],
    suricata: [null],
  });
});

test('a community ID with a slash', async (t) => {
  t.deepEqual(await found(`/v1/community-id/${encodeURIComponent(SLASHED)}`, 'uid'), {
    conn: ['C3'],
    dns: ['C3'],
  });
  t.deepEqual(await found('/v1/community-id/1:unknown', 'uid'), {});
});

test('the range is of the rows that have the community ID', async (t) => {
  t.deepEqual(
    await found(`/v1/community-id/${ID}?from=2026-11-24T03:00:02Z&to=2026-11-24T03:00:03Z`, 'uid'),
    {
      conn: ['C2'],
      dns: ['C2'],
    },
  );
  t.deepEqual(await found(`/v1/community-id/${ID}?from=2026-11-24T03:00:06Z`, 'uid'), { suricata: [null] });
});

test('of very many connections the latest are told', async (t) => {
  await api.pool.query(
    `INSERT INTO logs.conn (ts, uid, community_id, _received, _source)
     SELECT timestamptz '2026-11-24T04:00:00Z' + n * interval '1 s', 'M' || n, '1:many', now(), 1
       FROM generate_series(0, ${COMMUNITY_ID_UIDS}) AS n`,
  );
  const { body } = await api.get('/v1/community-id/1:many?limit=1');
  const uids = body['uids'] as string[];
  t.is(body['moreUids'], true);
  t.is(uids.length, COMMUNITY_ID_UIDS);
  t.is(uids[0], `M${COMMUNITY_ID_UIDS}`);
  t.false(uids.includes('M0'));
});

test('nothing of a request becomes SQL', async (t) => {
  for (const attack of [`'; DROP TABLE logs.conn; --`, `{F1}`, `C1' OR '1'='1`, '$1', '%', 'a\0b', '../x']) {
    const text = encodeURIComponent(attack);
    for (const url of [`/v1/fuid/${text}`, `/v1/fuid/${text}?related=true`, `/v1/community-id/${text}`]) {
      const { status, body } = await api.get(url);
      t.is(status, 200, url);
      t.deepEqual(body['logs'], [], url);
    }
    t.is((await api.get(`/v1/fuid/F1?limit=${text}`)).status, 400);
    t.is((await api.get(`/v1/fuid/F1?related=${text}`)).status, 400);
    t.is((await api.get(`/v1/community-id/x?from=${text}`)).status, 400);
    t.is((await api.get(`/v1/community-id/x?to=${text}`)).status, 400);
  }
  t.is((await api.rows('/v1/logs/dns')).length, 4);
});
