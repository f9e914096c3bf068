import test from 'ava';
import { Address, Subnet } from '../../src/codec/address.js';
import { encodeLogRecord, LOG_SCALARS, type LogField, type LogValue } from '../../src/codec/log-record.js';
import { Port } from '../../src/codec/port.js';
import { count, string } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import type { LogSchema } from '../../src/zeek/log-schema.js';
import { eventMessage } from '../../src/zeek/message.js';
import { recordBytes } from '../../src/zeek/record-bytes.js';
import { type Json, openApi, PEER, type TestApi } from './api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
});
test.after.always(() => api.close());
test.beforeEach(async () => {
  await api.pool.query('TRUNCATE zeekway.dead_letters RESTART IDENTITY; TRUNCATE zeekway.events');
});

interface Letter {
  readonly code?: string;
  readonly subject?: string;
  readonly raw?: Uint8Array;
  /** Hours after the 24th began. */
  readonly hour?: number;
}

/** Adds a letter; their IDs count from 1. */
const add = ({ code = 'message_malformed', subject = 'X::LOG', raw = Buffer.of(1), hour = 4 }: Letter = {}) =>
  api.pool.query(
    `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
     VALUES ($1, 'because', $2, 'zeek/logs/x', make_timestamptz(2026, 11, 24, $3, 0, 0, 'UTC'), 1, $4)`,
    [code, subject, hour, raw],
  );

const listed = async (parameters = ''): Promise<number[]> => {
  const { body } = await api.get(`/v1/dead-letters?order=asc&${parameters}`);
  return (body['deadLetters'] as Json[]).map(({ id }) => Number(id));
};

const EVENT = encodeValue(eventMessage('e', [count(1)]));

test.serial('the list, and one of them with all its bytes', async (t) => {
  const long = Buffer.alloc(5000, 0xab);
  await add({ code: 'log_without_schema', raw: Buffer.from([0, 1, 0xff]) });
  await add({ raw: long });
  const { body } = await api.get('/v1/dead-letters?code=log_without_schema&encoding=hex');
  t.deepEqual(body['deadLetters'], [
    {
      id: 1,
      code: 'log_without_schema',
      reason: 'because',
      subject: 'X::LOG',
      topic: 'zeek/logs/x',
      received: '2026-11-24T04:00:00.000000Z',
      source: { kind: 'live', name: PEER.address, peer: PEER.id, node: 'worker-1' },
      size: 3,
      format: 'broker-bin-v1',
      raw: '0001ff',
    },
  ]);
  const [newest] = (await api.get('/v1/dead-letters?limit=1')).body['deadLetters'] as Json[];
  t.is(newest?.['size'], 5000);
  t.deepEqual(Buffer.from(String(newest?.['raw']), 'base64'), long.subarray(0, 4096));
  t.deepEqual(Buffer.from(String((await api.get('/v1/dead-letters/2')).body['raw']), 'base64'), long);
  t.is((await api.get('/v1/dead-letters/3')).body['code'], 'not_found');
  t.is((await api.get('/v1/dead-letters/x')).body['code'], 'request_invalid');
  t.is((await api.get('/v1/dead-letters?encoding=utf8')).status, 400);
});

test.serial('filters', async (t) => {
  await add({ code: 'row_rejected' });
  await add({ subject: 'Y::LOG', hour: 5 });
  await add({ hour: 6 });
  for (const [parameters, expected] of [
    ['subject=X::LOG', [1, 3]],
    ['subject=X', []],
    ['code=message_malformed&from=2026-11-24T06:00:00Z', [3]],
    ['to=2026-11-24T05:00:00Z', [1]],
    ['ids=3,1,99', [1, 3]],
  ] as const) {
    t.deepEqual(await listed(parameters), [...expected], parameters);
  }
  for (const bad of ['ids=', 'ids=x', 'ids=1,', 'ids=-1', 'subjekt=x']) {
    t.is((await api.get(`/v1/dead-letters?${bad}`)).status, 400, bad);
  }
});

test.serial('the summary: how many of each kind, and from when to when', async (t) => {
  await add({ hour: 4 });
  await add({ hour: 7 });
  await add({ code: 'row_rejected' });
  const source = { kind: 'live', name: PEER.address, peer: PEER.id, node: 'worker-1' };
  const kind = { subject: 'X::LOG', source };
  t.deepEqual((await api.get('/v1/dead-letters/summary')).body, {
    kinds: [
      {
        ...kind,
        code: 'message_malformed',
        count: 2,
        first: '2026-11-24T04:00:00.000000Z',
        last: '2026-11-24T07:00:00.000000Z',
      },
      {
        ...kind,
        code: 'row_rejected',
        count: 1,
        first: '2026-11-24T04:00:00.000000Z',
        last: '2026-11-24T04:00:00.000000Z',
      },
    ],
    total: 3,
    more: false,
  });
  t.is((await api.get('/v1/dead-letters/summary?code=row_rejected')).body['total'], 1);
});

test.serial('what is in one: decoded as far as it goes', async (t) => {
  await add({ raw: EVENT.subarray(0, -1) });
  const { decoded } = (await api.get('/v1/dead-letters/1')).body;
  t.like(decoded, { messages: [{ type: 'event', name: 'e' }], rest: { bytes: 8 } });
});

/** A value of each type that a log can hold, alone and in a vector with a hole. */
const VALUES: Readonly<Record<(typeof LOG_SCALARS)[number], LogValue>> = {
  bool: { type: 'bool', value: true },
  int: { type: 'int', value: -(2n ** 63n) },
  count: { type: 'count', value: 2n ** 53n },
  double: { type: 'double', value: Number.NaN },
  time: { type: 'time', value: 1_700_000_000.123456 },
  interval: { type: 'interval', value: -1e-7 },
  string: { type: 'string', value: 'ä\0\\x41' },
  enum: { type: 'enum', value: 'Notice::LOG' },
  port: { type: 'port', value: Port.of(65535, 'udp') },
  addr: { type: 'addr', value: Address.parse('2001:db8::1') },
  subnet: { type: 'subnet', value: Subnet.parse('10.0.0.1/32') },
  func: { type: 'func', value: Uint8Array.of(0xff, 0x0a) },
  file: { type: 'file', value: 'x'.repeat(300) },
};

test.serial('the values of a record are shown as in the rows of its log', async (t) => {
  const fields = LOG_SCALARS.flatMap((type): LogField[] => [
    { name: type, type, subtype: 'void', optional: true },
    { name: `v.${type}`, type: 'vector', subtype: type, optional: true },
  ]);
  const values = LOG_SCALARS.flatMap((type): LogValue[] => {
    const hole: LogValue = { type, subtype: 'void', absent: true };
    return [VALUES[type], { type: 'vector', subtype: 'void', value: [VALUES[type], hole] }];
  });
  const schema: LogSchema = { stream: 'All::LOG', writer: 'W', path: 'all', fields };
  const raw = recordBytes(schema, encodeLogRecord(values));
  await add({ code: 'row_rejected', raw });
  const { decoded } = (await api.get('/v1/dead-letters/1')).body as { decoded: { messages: Json[] } };
  const shown = decoded.messages[2]?.['fields'] as Json[];
  t.is((await api.change('POST', '/v1/dead-letters/1/retry')).body['outcome'], 'stored');
  const [{ _received, _source, ...row } = {}] = await api.rows('/v1/logs/all');
  t.deepEqual(Object.fromEntries(shown.map(({ name, value }) => [name, value])), row);
  t.is(_received, '2026-11-24T04:00:00.000000Z');
  t.is(shown.length, 2 * LOG_SCALARS.length);
  const described = (await api.get('/v1/logs/all/fields')).body['fields'] as Json[];
  t.deepEqual(
    shown.map(({ type }) => type),
    described.map(({ type }) => type),
  );
});

test.serial('dropping one, and those of a filter', async (t) => {
  for (const hour of [1, 2, 3, 4, 5]) await add({ hour, code: hour % 2 ? 'a' : 'b' });
  t.deepEqual((await api.change('DELETE', '/v1/dead-letters/2')).body, { dropped: 1 });
  t.is((await api.change('DELETE', '/v1/dead-letters/2')).body['code'], 'not_found');
  t.deepEqual((await api.change('DELETE', '/v1/dead-letters?code=a&from=2026-11-24T02:00:00Z')).body, {
    dropped: 2,
  });
  t.deepEqual(await listed(), [1, 4]);
  t.deepEqual((await api.change('DELETE', '/v1/dead-letters?ids=4,2')).body, { dropped: 1 });
  t.deepEqual((await api.change('DELETE', '/v1/dead-letters?subject=Y')).body, { dropped: 0 });
  t.deepEqual(await listed(), [1]);
});

test.serial('a change must say to what', async (t) => {
  await add({ raw: EVENT });
  for (const [method, url] of [
    ['DELETE', '/v1/dead-letters'],
    ['POST', '/v1/dead-letters/retry'],
  ] as const) {
    const { status, body } = await api.change(method, url);
    t.is(status, 400);
    t.is(body['code'], 'request_invalid');
    t.regex(String(body['detail']), /ids, code, subject, from, to/);
    t.is((await api.change(method, `${url}?from=soon`)).status, 400);
    t.is((await api.change(method, `${url}?x=1`)).status, 400);
  }
  t.is((await api.change('POST', '/v1/dead-letters/retry?code=x&cursor=x')).status, 400);
  t.deepEqual(await listed(), [1]);
});

test.serial('trying one again, and those of a filter', async (t) => {
  await add({ raw: EVENT });
  await add({ raw: encodeValue(string('no message')) });
  await add({ code: 'value_out_of_range' });
  await add({ raw: EVENT });
  await add({ raw: EVENT, subject: 'Y::LOG' });
  t.deepEqual((await api.change('POST', '/v1/dead-letters/1/retry')).body, {
    id: 1,
    outcome: 'stored',
    rows: 1,
  });
  t.is((await api.change('POST', '/v1/dead-letters/1/retry')).body['code'], 'not_found');
  t.like((await api.change('POST', '/v1/dead-letters/3/retry')).body, { id: 3, outcome: 'skipped' });
  const { body } = await api.change('POST', '/v1/dead-letters/retry?subject=X::LOG');
  const { results, ...counts } = body as { results: Json[] };
  t.deepEqual(counts, { stored: 1, failed: 1, skipped: 1 } as never);
  t.deepEqual(
    results.map(({ id, outcome, code }) => [id, outcome, code]),
    [
      [2, 'failed', 'message_malformed'],
      [3, 'skipped', undefined],
    ],
  );
  t.deepEqual(await listed(), [2, 3, 5]);
  t.regex(String((await api.get('/v1/dead-letters/2')).body['reason']), /expected a Zeek message/);
  t.is(((await api.get('/v1/events')).body['events'] as Json[]).length, 2);
});

test.serial('what there is no time for is done by following next', async (t) => {
  const slow = await openApi(t, { queryTimeoutMs: 0 });
  t.teardown(() => slow.close());
  await api.pool.query(
    `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
     SELECT 'a', '', '', '', '2026-11-24T04:00:00Z', 1, CASE number % 2 WHEN 0 THEN $1 ELSE '\\x00'::bytea END
       FROM generate_series(1, 450) AS g (number)`,
    [EVENT],
  );
  const run = async (method: 'POST' | 'DELETE', first: string): Promise<number[]> => {
    const steps: number[] = [];
    for (let next: string | undefined = first; next !== undefined; ) {
      t.true(steps.length < 10);
      const { status, body } = await slow.change(method, next);
      t.is(status, 200, JSON.stringify(body));
      steps.push(Number(body['stored'] ?? body['dropped']));
      next = body['next'] as string | undefined;
    }
    return steps;
  };
  t.deepEqual((await run('POST', '/v1/dead-letters/retry?code=a&to=now')).slice(0, 3), [100, 100, 25]);
  t.is((await listed('limit=1000')).length, 225);
  t.deepEqual((await run('DELETE', '/v1/dead-letters?to=now')).slice(0, 1), [225]);
  t.deepEqual(await listed(), []);
});

const HOST = { host: '127.0.0.1:9280' };

test.serial('a change that a page of another site asks for is refused', async (t) => {
  for (const headers of [
    { ...HOST, origin: 'https://evil.example' },
    { ...HOST, origin: 'http://127.0.0.1:8080' },
    { ...HOST, origin: 'http://localhost:9280' },
    { ...HOST, origin: 'null' },
    { ...HOST, 'sec-fetch-site': 'cross-site' },
    { ...HOST, 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:9280' },
    // A name of another site that was pointed to this address.
    { host: 'evil.example:9280', origin: 'http://evil.example:9280' },
    { host: 'evil.example:9280', 'sec-fetch-site': 'same-origin' },
    { host: 'a b', origin: 'http://a b' },
  ]) {
    await add({ raw: EVENT });
    for (const [method, url] of [
      ['DELETE', '/v1/dead-letters?code=message_malformed'],
      ['DELETE', '/v1/dead-letters/1'],
      ['POST', '/v1/dead-letters/retry?code=message_malformed'],
      ['POST', '/v1/dead-letters/1/retry'],
      ['POST', '/v1/nothing'],
      ['PUT', '/v1/logs'],
    ] as const) {
      const { status, body } = await api.change(method, url, headers);
      t.is(status, 403, JSON.stringify(headers));
      t.is(body['code'], 'cross_site_refused');
    }
    t.is((await api.server.inject({ url: '/v1/dead-letters', headers })).statusCode, 200);
  }
  t.is((await listed()).length, 9);
});

test.serial('the page at /docs and programs may ask for changes', async (t) => {
  const pages = [
    HOST,
    { ...HOST, origin: 'http://127.0.0.1:9280', 'sec-fetch-site': 'same-origin' },
    { ...HOST, 'sec-fetch-site': 'none' },
    { host: 'localhost:9280', origin: 'http://localhost:9280' },
    { host: '[::1]:9280', origin: 'http://[::1]:9280' },
    { host: '192.0.2.7', origin: 'https://192.0.2.7' },
    { host: 'zeekway.example:9280' },
  ];
  for (const [index, headers] of pages.entries()) {
    await add();
    const { status, body } = await api.change('DELETE', `/v1/dead-letters/${index + 1}`, headers);
    t.is(status, 200, JSON.stringify([headers, body]));
  }
});
