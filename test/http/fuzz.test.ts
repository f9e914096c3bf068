import test from 'ava';
import fc from 'fast-check';
import { Compile } from 'typebox/schema';
import { storeAccess } from '../../src/cli/store-access.js';
import { Endpoint } from '../../src/peer/endpoint.js';
import { type Json, openApi, resolved, type TestApi } from './api.js';

/*
 * The API against its own description: whatever values its parameters get, of their type or not, the answer is one that
 * the description has, and never a fault of ours.
 */

const endpoint = new Endpoint();
let api: TestApi;
let document: Json;
test.before(async (t) => {
  await endpoint.attachMaster('conn');
  api = await openApi(t, { stores: storeAccess(endpoint) });
  await api.makeLog('conn', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
    ['id.orig_h', 'addr', 'inet'],
    ['id.resp_p', 'port', 'integer'],
    ['proto', 'enum', 'text'],
    ['duration', 'interval', 'double precision'],
    ['orig_bytes', 'count', 'numeric(20,0)'],
    ['tags', 'set[string]', 'text[]'],
  ]);
  for (const uid of ['C1', 'C2']) {
    await api.addRow('conn', {
      ts: '2026-11-24T00:00:00Z',
      uid,
      'id.orig_h': '10.0.0.1',
      orig_bytes: '5',
      tags: '{a}',
    });
  }
  document = (await api.get('/openapi.json')).body;
});
test.after.always(() => Promise.all([api.close(), endpoint.close()]));

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: {
    readonly type?: string;
    readonly enum?: readonly string[];
    readonly examples?: readonly string[];
  };
  readonly examples?: unknown;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly responses: Record<string, { content?: Record<string, { schema: Json }> }>;
}

const HOSTILE = [
  ...[
    '',
    ' ',
    "'",
    '"',
    "' OR 1=1 --",
    '"; DROP TABLE logs.conn; --',
    '$1',
    '%',
    '\\',
    '\u0000',
    '\ud800',
    '../../etc/passwd',
  ],
  ...[
    '__proto__',
    'constructor',
    '-1',
    '0',
    '1e309',
    'NaN',
    '9223372036854775808',
    'x'.repeat(3_000),
    '💥',
    '[]',
    '{}',
  ],
  ...[
    'conn',
    'uid',
    'ts',
    '-ts',
    'id.orig_h',
    'id.orig_h/24',
    'ts:5min',
    'ts:0s',
    'tags[]',
    'count',
    'sum:orig_bytes',
    'p95:duration',
  ],
  ...[
    'p101:duration',
    'sum:uid',
    'now',
    '-1h',
    '2026-11-24',
    '2026-11-24T00:00:00Z',
    '1h',
    '5min',
    '0.000001ms',
    'C1',
    'ndjson',
    'tsv',
  ],
  ...[
    'uid == "C1"',
    'uid ==',
    'any addr in 10.0.0.0/8',
    'orig_bytes > 1MB',
    '!(duration)',
    'tags has /a*/',
    'x == 1',
  ],
];

function arbitraryOf({ schema }: Parameter): fc.Arbitrary<string> {
  const hostile = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 20 }));
  if (schema.enum) return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...schema.enum) }, hostile);
  if (schema.type === 'integer')
    return fc.oneof({ weight: 4, arbitrary: fc.nat(2_000).map(String) }, hostile);
  if (schema.type === 'boolean') return fc.oneof(fc.constantFrom('true', 'false'), hostile);
  return hostile;
}

/** A request of an operation: each parameter is there or not, sometimes twice, and sometimes one that nobody knows. */
function requestOf(route: string, { parameters = [] }: Operation): fc.Arbitrary<string> {
  const path = fc
    .tuple(
      ...parameters
        .filter((one) => one.in === 'path')
        .map((one) =>
          fc.tuple(fc.constant(one.name), fc.oneof(fc.constantFrom('conn', 'C1', '1'), arbitraryOf(one))),
        ),
    )
    .map((values) => values.reduce((url, [name, value]) => url.replace(`{${name}}`, encoded(value)), route));
  const query = fc
    .tuple(
      ...parameters
        .filter((one) => one.in === 'query')
        .map((one) =>
          fc
            .array(arbitraryOf(one), { minLength: one.required ? 1 : 0, maxLength: 1 })
            .map((values) => values.map((value) => `${one.name}=${encoded(value)}`)),
        ),
      fc.constantFrom<string[]>([], [], [], ['x=1'], ['limit=1', 'limit=2']),
    )
    .map((parts) => parts.flat().join('&'));
  return fc.tuple(path, query).map(([url, search]) => (search === '' ? url : `${url}?${search}`));
}

const encoded = (value: string): string => encodeURIComponent(value.toWellFormed());

test('no parameter of any route brings a fault, and every answer is as described', async (t) => {
  const paths = document['paths'] as Record<string, Record<string, Operation>>;
  const statuses = new Map<number, number>();
  for (const [route, { get }] of Object.entries(paths)) {
    // Their answers do not end.
    if (!get || route === '/v1/tail' || route.endsWith('/watch')) continue;
    const compiled = new Map<string, ReturnType<typeof Compile>>();
    const outcome = await fc.check(
      fc.asyncProperty(requestOf(route, get), async (url) => {
        const answer = await api.server.inject(url);
        const { statusCode } = answer;
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
        if (statusCode >= 500 && statusCode !== 503) throw new Error(`${statusCode}: ${answer.body}`);
        const mediaType = String(answer.headers['content-type']).split(';')[0] ?? '';
        const described = get.responses[String(statusCode)] ?? get.responses['default'];
        const schema = described?.content?.[mediaType]?.schema;
        if (!schema) throw new Error(`${statusCode} ${mediaType} is not described`);
        if (!mediaType.endsWith('json')) return;
        const key = `${statusCode} ${mediaType}`;
        const check = compiled.get(key) ?? Compile(resolved(schema, document) as never);
        compiled.set(key, check);
        const [isValid, errors] = check.Errors(answer.json());
        if (!isValid) throw new Error(`${JSON.stringify(errors)}: ${answer.body}`);
      }),
      { numRuns: 150 },
    );
    t.false(outcome.failed, `${route}: ${outcome.counterexample}: ${outcome.errorInstance}`);
  }
  t.true((statuses.get(200) ?? 0) > 100, JSON.stringify([...statuses]));
  t.true((statuses.get(400) ?? 0) > 100, JSON.stringify([...statuses]));
  t.is((await api.rows('/v1/logs/conn')).length, 2);
});
