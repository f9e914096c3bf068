import { Validator } from '@seriousme/openapi-schema-validator';
import test from 'ava';
import { Compile } from 'typebox/schema';
import { storeAccess } from '../../src/cli/store-access.js';
import { Address } from '../../src/codec/address.js';
import { count } from '../../src/codec/value.js';
import { encodeValue } from '../../src/codec/value-binary.js';
import { Endpoint } from '../../src/peer/endpoint.js';
import { type AuditEntry, writeAudit } from '../../src/storage/audit.js';
import { eventMessage } from '../../src/zeek/message.js';
import { ACTIONS, DOOR, INGEST, type Json, openApi, PEER, resolved, type TestApi } from './api.js';

const AUDITED: AuditEntry = {
  time: new Date('2026-11-24T03:13:17.123Z'),
  token: 1,
  name: 'soc',
  address: '192.0.2.9',
  method: 'DELETE',
  route: '/v1/dead-letters/:id',
  target: { id: '7' },
  status: 200,
};

const endpoint = new Endpoint();
let api: TestApi;
let document: Json;
test.before(async (t) => {
  const hosts = await endpoint.attachMaster('hosts');
  await hosts.put(Address.parse('192.0.2.1'), 'printer', { expiry: 10n ** 15n });
  await hosts.put('n', count(5));
  const stores = storeAccess(endpoint);
  api = await openApi(t, { door: DOOR, actions: ACTIONS, ingest: () => INGEST, stores });
  await writeAudit(api.pool, [AUDITED]);
  document = (await api.get('/openapi.json')).body;
  await api.makeLog('conn', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
    ['bytes', 'count', 'numeric(20,0)'],
    ['fuid', 'string', 'text'],
    ['community_id', 'string', 'text'],
  ]);
  for (const second of [1, 2]) {
    await api.addRow('conn', {
      ts: `2026-11-24T03:00:0${second}Z`,
      uid: 'C1',
      bytes: '18446744073709551615',
      fuid: 'F1',
      community_id: '1:a/b=',
    });
    await api.pool.query(
      `INSERT INTO zeekway.identifiers (name, value, received, source)
       VALUES ('M::nets', '{"@data-type": "count", "data": 18446744073709551615}', now(), 1)`,
    );
    await api.pool.query(
      `INSERT INTO zeekway.events (name, topic, ts, received, source, args)
       VALUES ('A::a', 'zeek/a', now(), now(), 1, '[{"@data-type": "count", "data": 1}]')`,
    );
    await api.pool.query(
      `INSERT INTO zeekway.dead_letters (code, reason, subject, topic, received, source, raw)
       VALUES ('log_without_schema', 'r', 's', 't', now(), 1, $1)`,
      [encodeValue(eventMessage('A::a', [count(1)]))],
    );
  }
});
test.after.always(() => Promise.all([api.close(), endpoint.close()]));

type Method = 'get' | 'post' | 'delete' | 'put' | 'patch';
type Operation = { operationId?: string; responses: Json; parameters?: Json[] };

function schemaOf(route: string, method: Method, status: string, mediaType: string): Json {
  const paths = document['paths'] as Record<string, Record<Method, Operation>>;
  const response = paths[route]?.[method].responses[status] as { content: Record<string, { schema: Json }> };
  return resolved(response.content[mediaType]?.schema, document) as Json;
}

test('the description is valid OpenAPI 3.1', async (t) => {
  t.is(document['openapi'], '3.1.0');
  const validator = new Validator();
  t.deepEqual(await validator.validate(structuredClone(document)), { valid: true });
  t.is(validator.version, '3.1');
});

const ANSWERS: readonly (readonly [route: string, url: string])[] = [
  ['/v1/logs', '/v1/logs'],
  ['/v1/logs/{path}/fields', '/v1/logs/conn/fields'],
  ['/v1/logs/{path}/complete', '/v1/logs/conn/complete?filter=uid%20=='],
  ['/v1/logs/{path}', '/v1/logs/conn?limit=1'],
  ['/v1/logs/{path}', '/v1/logs/conn?fields=bytes'],
  ['/v1/logs/{path}/histogram', '/v1/logs/conn/histogram?buckets=3&by=uid'],
  ['/v1/logs/{path}/aggregate', '/v1/logs/conn/aggregate?by=uid&metrics=sum:bytes&limit=1'],
  ['/v1/uid/{uid}', '/v1/uid/C1'],
  ['/v1/fuid/{fuid}', '/v1/fuid/F1'],
  ['/v1/community-id/{id}', '/v1/community-id/1:a%2Fb='],
  ['/v1/events', '/v1/events?limit=1'],
  ['/v1/dead-letters', '/v1/dead-letters?limit=1'],
  ['/v1/dead-letters/summary', '/v1/dead-letters/summary?subject=s'],
  ['/v1/dead-letters/{id}', '/v1/dead-letters/1'],
  ['/v1/partitions', '/v1/partitions'],
  ['/v1/partitions/{path}', '/v1/partitions/conn'],
  ['/v1/peers', '/v1/peers'],
  ['/v1/clients', '/v1/clients'],
  ['/v1/ingest', '/v1/ingest'],
  ['/v1/audit', '/v1/audit'],
  ['/v1/identifiers', '/v1/identifiers'],
  ['/v1/identifiers/{name}', '/v1/identifiers/M::nets'],
  ['/v1/stores', '/v1/stores'],
  ['/v1/stores/{store}/entries', '/v1/stores/hosts/entries?limit=1'],
  ['/v1/stores/{store}/keys', '/v1/stores/hosts/keys?limit=1'],
  ['/v1/stores/{store}/entries/{key}', '/v1/stores/hosts/entries/192.0.2.1'],
  ['/v1/stores/{store}/history', '/v1/stores/hosts/history?limit=1'],
  ['/healthz', '/healthz'],
  ['/readyz', '/readyz'],
];

for (const [route, url] of ANSWERS) {
  test(`the answer to ${url} is as described`, async (t) => {
    const { status, type, body } = await api.get(url);
    t.is(status, 200);
    t.regex(type, /^application\/json/);
    const [isValid, errors] = Compile(schemaOf(route, 'get', '200', 'application/json')).Errors(body);
    t.true(isValid, JSON.stringify(errors));
  });
}

const REFUSED: readonly (readonly [route: string, url: string])[] = [
  ['/v1/logs', '/v1/logs?x=1'],
  ['/v1/logs/{path}/fields', '/v1/logs/nothing/fields'],
  ['/v1/logs/{path}/complete', '/v1/logs/conn/complete?at=-1'],
  ['/v1/logs/{path}', '/v1/logs/conn?x=1'],
  ['/v1/logs/{path}/histogram', '/v1/logs/conn/histogram?by=x'],
  ['/v1/logs/{path}/aggregate', '/v1/logs/conn/aggregate?by=x'],
  ['/v1/uid/{uid}', '/v1/uid/C1?limit=0'],
  ['/v1/tail', '/v1/tail?log=nothing'],
  ['/v1/logs/{path}', '/v1/logs/conn?filter=x'],
  ['/v1/fuid/{fuid}', '/v1/fuid/F1?limit=0'],
  ['/v1/community-id/{id}', '/v1/community-id/1:a?x=1'],
  ['/v1/events', '/v1/events?cursor=x'],
  ['/v1/dead-letters', '/v1/dead-letters?from=x'],
  ['/v1/dead-letters/summary', '/v1/dead-letters/summary?limit=1'],
  ['/v1/dead-letters/{id}', '/v1/dead-letters/99'],
  ['/v1/audit', '/v1/audit?cursor=x'],
  ['/v1/partitions', '/v1/partitions?limit=1'],
  ['/v1/partitions/{path}', '/v1/partitions/nothing'],
  ['/v1/identifiers', '/v1/identifiers?at=x'],
  ['/v1/identifiers/{name}', '/v1/identifiers/none'],
  ['/v1/stores/{store}/entries', '/v1/stores/nothing/entries'],
  ['/v1/stores/{store}/keys', '/v1/stores/hosts/keys?after=x'],
  ['/v1/stores/{store}/entries/{key}', '/v1/stores/hosts/entries/192.0.2.9'],
  ['/v1/stores/{store}/watch', '/v1/stores/nothing/watch'],
  ['/v1/stores/{store}/history', '/v1/stores/hosts/history?key={'],
];

for (const [route, url] of REFUSED) {
  test(`the error of ${url} is as described`, async (t) => {
    const { status, type, body } = await api.get(url);
    t.true(status === 400 || status === 404);
    t.regex(type, /^application\/problem\+json/);
    const [isValid, errors] = Compile(schemaOf(route, 'get', 'default', 'application/problem+json')).Errors(
      body,
    );
    t.true(isValid, JSON.stringify(errors));
  });
}

const CHANGES: readonly (readonly [
  method: Exclude<Method, 'get'>,
  route: string,
  url: string,
  refused: string,
])[] = [
  ['post', '/v1/dead-letters/{id}/retry', '/v1/dead-letters/3/retry', '/v1/dead-letters/99/retry'],
  ['post', '/v1/dead-letters/retry', '/v1/dead-letters/retry?ids=3', '/v1/dead-letters/retry'],
  ['delete', '/v1/dead-letters/{id}', '/v1/dead-letters/3', '/v1/dead-letters/99'],
  ['delete', '/v1/dead-letters', '/v1/dead-letters?ids=3,4', '/v1/dead-letters'],
  [
    'delete',
    '/v1/stores/{store}/entries/{key}',
    '/v1/stores/hosts/entries/%22n%22',
    '/v1/stores/hosts/entries/%22n%22',
  ],
  ['delete', '/v1/peers/{id}', `/v1/peers/${PEER.id}`, '/v1/peers/broker%3A%2F%2Fh%3A1'],
];

for (const [method, route, url, refused] of CHANGES) {
  test.serial(`the answers to ${method} ${url} and ${refused} are as described`, async (t) => {
    await api.pool.query(
      `INSERT INTO zeekway.dead_letters (id, code, reason, subject, topic, received, source, raw)
       OVERRIDING SYSTEM VALUE VALUES (3, 'message_malformed', 'r', 's', 't', now(), 1, 'x') ON CONFLICT DO NOTHING`,
    );
    const upper = method === 'post' ? 'POST' : 'DELETE';
    for (const [asked, status, mediaType] of [
      [url, '200', 'application/json'],
      [refused, 'default', 'application/problem+json'],
    ] as const) {
      const answer = await api.change(upper, asked);
      t.true(status === '200' ? answer.status === 200 : answer.status === 400 || answer.status === 404);
      t.true(answer.type.startsWith(mediaType));
      const [isValid, errors] = Compile(schemaOf(route, method, status, mediaType)).Errors(answer.body);
      t.true(isValid, JSON.stringify(errors));
    }
  });
}

const BODIES: readonly (readonly [route: string, right: object, wrong: object, status: number])[] = [
  ['/v1/events', { topic: 'x/', name: 'X::e', args: ['5'] }, { topic: 'x/' }, 200],
  ['/v1/peers', { url: 'broker://h:1' }, { url: 'broker://h:1', more: 1 }, 201],
];

for (const [route, right, wrong, status] of BODIES) {
  test(`the answers to post ${route} are as described`, async (t) => {
    for (const [body, expected, described, mediaType] of [
      [right, status, String(status), 'application/json'],
      [wrong, 400, 'default', 'application/problem+json'],
    ] as const) {
      const answer = await api.change('POST', route, {}, body);
      t.is(answer.status, expected);
      const [isValid, errors] = Compile(schemaOf(route, 'post', described, mediaType)).Errors(answer.body);
      t.true(isValid, JSON.stringify(errors));
    }
  });
}

const ENTRY = '/v1/stores/{store}/entries/{key}';
const ENTRY_URL = '/v1/stores/hosts/entries/%22ports%22';

for (const [method, route, url, right, wrong] of [
  ['put', '/v1/identifiers/{name}', '/v1/identifiers/M::n', { topic: 'x/', value: '5' }, { topic: 'x/' }],
  ['put', ENTRY, ENTRY_URL, { value: '{80/tcp}', expiry: '10min' }, { value: '{80' }],
  ['patch', ENTRY, ENTRY_URL, { operation: 'insert', value: '443/tcp' }, { operation: 'double' }],
] as const) {
  test.serial(`the answers to ${method} ${route} are as described`, async (t) => {
    const upper = method === 'put' ? 'PUT' : 'PATCH';
    for (const [body, status, described, mediaType] of [
      [right, 200, '200', 'application/json'],
      [wrong, 400, 'default', 'application/problem+json'],
    ] as const) {
      const answer = await api.change(upper, url, {}, body);
      t.is(answer.status, status);
      const [isValid, errors] = Compile(schemaOf(route, method, described, mediaType)).Errors(answer.body);
      t.true(isValid, JSON.stringify(errors));
    }
  });
}

test('the description has these routes and no other', (t) => {
  const described = Object.entries(document['paths'] as Record<string, object>).flatMap(([route, methods]) =>
    Object.keys(methods).map((method) => `${method} ${route}`),
  );
  const known = [
    ...ANSWERS.map(([route]) => `get ${route}`),
    ...CHANGES.map(([method, route]) => `${method} ${route}`),
    // Their answers do not end: tail.test.ts, stores.test.ts.
    'get /v1/tail',
    'get /v1/stores/{store}/watch',
    'put /v1/identifiers/{name}',
    `put ${ENTRY}`,
    `patch ${ENTRY}`,
    ...BODIES.map(([route]) => `post ${route}`),
  ];
  t.deepEqual(described.toSorted(), [...new Set(known)].toSorted());
});

test('every operation has a name of its own, for generated clients', (t) => {
  const paths = Object.values(document['paths'] as Record<string, Record<string, Operation>>);
  const names = paths.flatMap((path) => Object.values(path).map(({ operationId }) => operationId));
  t.true(
    names.every((name) => name !== undefined && /^[a-z][A-Za-z]+$/.test(name)),
    String(names),
  );
  t.is(new Set(names).size, names.length);
});

test('a parameter with a default need not be given, and filters have any name', (t) => {
  const paths = document['paths'] as Record<string, { get: { parameters: Json[] } }>;
  for (const route of ['/v1/logs/{path}', '/v1/logs/{path}/histogram', '/v1/logs/{path}/aggregate']) {
    const parameters = paths[route]?.get.parameters ?? [];
    t.deepEqual(
      parameters.filter(({ required }) => required === true).map(({ name }) => name),
      ['path'],
    );
    t.is(parameters.filter(({ name }) => name === 'filters').length, 1);
  }
});

test('the formats of rows are described', (t) => {
  const paths = document['paths'] as Record<string, { get: Operation }>;
  const answer = paths['/v1/logs/{path}']?.get.responses['200'] as { content: Json } | undefined;
  t.deepEqual(Object.keys(answer?.content ?? {}), [
    'application/json',
    'application/x-ndjson',
    'text/csv',
    'text/tab-separated-values',
    'application/vnd.apache.parquet',
    'application/vnd.apache.arrow.stream',
  ]);
});

test('the page at /docs loads nothing from elsewhere', async (t) => {
  const page = await api.server.inject('/docs/');
  t.is(page.statusCode, 200);
  const sources = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => String(url));
  t.true(sources.length > 3);
  for (const source of sources) {
    t.regex(source, /^\.\/static\//);
    t.is((await api.server.inject(`/docs/${source.slice(2)}`)).statusCode, 200, source);
  }
  const policy = String(page.headers['content-security-policy']);
  t.regex(policy, /^default-src 'none'; script-src 'self'; /);
  t.notRegex(policy, /https:|unsafe-|upgrade/);
});
