import { readFileSync } from 'node:fs';
import test from 'ava';
import { CONFIG_FILE_BYTES, CONFIG_PROBLEMS } from '../../src/core/limits.js';
import { pcapFile } from '../support/recordings.js';
import { load, mistakes } from './config-sources.js';

const URL_FORM = 'expected broker://host:port?tls=anonymous|mutual|off';
const LISTEN = 'an endpoint URL like broker://HOST:9999?tls=off or zeromq-log://HOST:9998';
const PEER =
  'an endpoint URL like broker://HOST:9999?tls=off, zeromq://HOST?xpub=5555&xsub=5556 or ws://HOST:27759';
const SIZE = 'expected a size of at least 1MiB, like 512MiB or 4GiB';
const DAYS = 'expected never, or days from 1d to 36500d, like 30d';
const TIME = 'expected a time from 1ms to 1m, like 50ms or 2s';
const HTTP = 'expected HOST:PORT, like 127.0.0.1:9280 or [::1]:9280';
const DATABASE = 'the database URL is not understood: write postgres://user:password@host:5432/database';
const TOP =
  'listen, peer, subscribe, relay, route, node-name, database, data, http, api, log-level, spool, retention, stores, door';

for (const [yaml, line] of [
  [
    'listen: broker://h',
    `FILE:1:9: listen: expected a list, each line "- " and ${LISTEN}, found "broker://h"`,
  ],
  ['peer: {a: b}', `FILE:1:7: peer: expected a list, each line "- " and ${PEER}, found a mapping`],
  ['peer:\n  - broker://a\n  - http://x', `FILE:3:5: peer[1]: expected ${PEER}, found "http://x"`],
  [
    'peer: ["zeromq://h:5555"]',
    'FILE:1:8: peer[0]: endpoint URL "zeromq://h:5555": the ports are xpub= and xsub=; expected zeromq://host?xpub=5555&xsub=5556',
  ],
  [
    'listen: ["zeromq-log://h"]',
    'FILE:1:10: listen[0]: endpoint URL "zeromq-log://h": the port is missing; expected zeromq-log://host:port',
  ],
  ['listen: ["zeromq://h"]', `FILE:1:10: listen[0]: expected ${LISTEN}, found "zeromq://h"`],
  [
    'peer: ["broker://h:0"]',
    `FILE:1:8: peer[0]: endpoint URL "broker://h:0": port 0 cannot be dialled; ${URL_FORM}`,
  ],
  ['peer:\n  -\n', `FILE:2:4: peer[0]: expected ${PEER}, found nothing`],
  ['peer: [""]', `FILE:1:8: peer[0]: expected ${PEER}, found nothing`],
  ['peer: [[a]]', `FILE:1:8: peer[0]: expected ${PEER}, found a list`],
  ['subscribe: [""]', 'FILE:1:13: subscribe[0]: expected a topic prefix like zeek/event/, found nothing'],
  [
    'stores: {masters: {hosts: rocksdb}}',
    'FILE:1:27: stores.masters.hosts: expected memory, sqlite, leveldb or postgresql, found "rocksdb"',
  ],
  [
    'stores: {masters: {a: memory}, clones: [a]}',
    'FILE:1:41: stores.clones[0]: "a" is in stores.masters, too',
  ],
  [
    'stores: {mirror: [a]}',
    'FILE:1:19: stores.mirror[0]: "a" is neither in stores.masters nor in stores.clones',
  ],
  ['node-name: a/b', 'FILE:1:12: node-name: expected a name without slashes, found "a/b"'],
  ['node-name:', 'FILE:1:11: node-name: expected a name without slashes, found nothing'],
  ['{node-name}', 'FILE:1:2: node-name: expected a name without slashes, found nothing'],
  ['data: ~', 'FILE:1:7: data: expected a folder, found nothing'],
  ['data: "a\\0b"', 'FILE:1:7: data: expected a folder, found "a\\u0000b"'],
  [
    'database: ""',
    'FILE:1:11: database: expected postgres://user:password@host:5432/database, found nothing',
  ],
  ['database: mysql://h/x', `FILE:1:11: database: ${DATABASE}, found "mysql://h/x"`],
  ['database: h', `FILE:1:11: database: ${DATABASE}, found a text that is no URL`],
  ['http: 9280', `FILE:1:7: http: ${HTTP}, found "9280"`],
  ['http: h:65536', `FILE:1:7: http: ${HTTP}, found "h:65536"`],
  ['http: "[::g]:1"', `FILE:1:7: http: ${HTTP}, found "[::g]:1"`],
  ['http: ::1:80', `FILE:1:7: http: ${HTTP}, found "::1:80"`],
  [
    'log-level: wran',
    'FILE:1:12: log-level: expected error, warn, info or debug, found "wran"; did you mean "warn"?',
  ],
  ['spool: 4GiB', 'FILE:1:8: spool: expected the keys size, sync-interval, sync-bytes, found "4GiB"'],
  ['spool:\n  size: 4 GB', `FILE:2:9: spool.size: ${SIZE}, found "4 GB"`],
  ['spool: {size: 1MB}', `FILE:1:15: spool.size: ${SIZE}, found "1MB"`],
  ['spool: {size: 1048575}', `FILE:1:15: spool.size: ${SIZE}, found "1048575"`],
  ['spool: {sync-interval: 50}', `FILE:1:24: spool.sync-interval: ${TIME}, found "50"`],
  ['spool: {sync-interval: 61s}', `FILE:1:24: spool.sync-interval: ${TIME}, found "61s"`],
  ['spool: {sync-interval: 0ms}', `FILE:1:24: spool.sync-interval: ${TIME}, found "0ms"`],
  [
    'spool: {sync-bytes: 0}',
    'FILE:1:21: spool.sync-bytes: expected a size of at least 1B, like 512MiB or 4GiB, found "0"',
  ],
  ['spool: {size: 2MiB}', 'FILE:1:15: spool.size: expected at least spool.sync-bytes (4MiB), found 2MiB'],
  [
    'spool: {sync-bytes: 8GiB}',
    'FILE:1:21: spool.sync-bytes: expected at most spool.size (4GiB), found 8GiB',
  ],
  ['retention: {default: 30}', `FILE:1:22: retention.default: ${DAYS}, found "30"`],
  ['retention: {default: 0d}', `FILE:1:22: retention.default: ${DAYS}, found "0d"`],
  [
    'retention: {logs: 30d}',
    `FILE:1:19: retention.logs: expected names, each with never, or days from 1d to 36500d, like 30d, found "30d"`,
  ],
  ['retention: {logs: {conn: 36501d}}', `FILE:1:26: retention.logs.conn: ${DAYS}, found "36501d"`],
  ['retention: {logs: {conn: {}}}', `FILE:1:26: retention.logs.conn: ${DAYS}, found a mapping`],
  [
    'retention: {conn: 30d}',
    'FILE:1:13: retention.conn: unknown key; did you mean "conn" in "retention.logs"? (known here: default, logs)',
  ],
  ['Listen: []', `FILE:1:1: Listen: unknown key; did you mean "listen"? (known here: ${TOP})`],
  ['node_name: x', `FILE:1:1: node_name: unknown key; did you mean "node-name"? (known here: ${TOP})`],
  ['size: 1GiB', `FILE:1:1: size: unknown key; did you mean "size" in "spool"? (known here: ${TOP})`],
  [
    'spool-size: 1',
    `FILE:1:1: spool-size: unknown key; did you mean "size" in "spool"? (known here: ${TOP})`,
  ],
  [
    'spool.size: 1',
    `FILE:1:1: spool.size: unknown key; did you mean "size" in "spool"? (known here: ${TOP})`,
  ],
  ['something-else: 1', `FILE:1:1: something-else: unknown key (known here: ${TOP})`],
  ['__proto__: {a: 1}', `FILE:1:1: __proto__: unknown key (known here: ${TOP})`],
  ['<<: {data: /x}', `FILE:1:1: <<: unknown key (known here: ${TOP})`],
  ['"a\\nb": 1', `FILE:1:1: a?b: unknown key; did you mean "api"? (known here: ${TOP})`],
  ['api: {auth: on}', 'FILE:1:13: api.auth: expected auto, required or anonymous, found "on"'],
  [
    'api: {rate-limit: 0}',
    'FILE:1:19: api.rate-limit: expected off, or requests in a minute like 6000, found "0"',
  ],
  ['api: {tls-cert: a.pem}', 'FILE:1:17: api.tls-cert: expected api.tls-key, too'],
  ['api: {tls-key: a.pem}', 'FILE:1:16: api.tls-key: expected api.tls-cert, too'],
  ['data: /a\ndata: /b', 'FILE:2:1: data: is there twice, first at FILE:1:1'],
  ['spool: {size: 1GiB}\nspool: {}', 'FILE:2:1: spool: is there twice, first at FILE:1:1'],
  [
    'retention: {logs: {conn: 1d, conn: 2d}}',
    'FILE:1:30: retention.logs.conn: is there twice, first at FILE:1:20',
  ],
  ['? [a]\n: b', 'FILE:1:3: expected the name of a key, found a list'],
  [': b', 'FILE:1:1: expected the name of a key, found nothing'],
  ['data: *x', 'FILE:1:7: data: expected a folder, found an alias without its anchor before it'],
  [
    'data: *x\nnode-name: &x y',
    'FILE:1:7: data: expected a folder, found an alias without its anchor before it',
  ],
  ['peer: &p [*p]', `FILE:1:11: peer[0]: expected ${PEER}, found a list`],
  ['spool: &s {size: *s}', `FILE:1:18: spool.size: ${SIZE}, found a mapping`],
  ['- data: /x', `FILE:1:1: expected the keys ${TOP}, found a list`],
  ['Dear Zeek,', `FILE:1:1: expected the keys ${TOP}, found "Dear Zeek,"`],
  [
    'data: [',
    'FILE:1:8: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['data: !path /x', 'FILE:1:7: not valid YAML: Unresolved tag: !path'],
  ['data: /x\n---\ndata: /y', 'FILE:2:1: expected one YAML document, found a second one'],
  ['spool:\n\tsize: 1GiB', 'FILE:2:1: not valid YAML: Tabs are not allowed as indentation'],
  [Buffer.from('data: \xFF', 'latin1'), 'FILE: expected a YAML file, found bytes that are no UTF-8'],
] as const) {
  test(`the mistake in ${JSON.stringify(typeof yaml === 'string' ? yaml : yaml.toString('latin1'))}`, async (t) => {
    t.deepEqual(await mistakes({ yaml }), [line]);
  });
}

for (const [what, given, line] of [
  ['a variable', { env: { ZEEKWAY_HTTP: 'here' } }, `environment ZEEKWAY_HTTP: ${HTTP}, found "here"`],
  [
    'an empty variable',
    { env: { DATABASE_URL: '' } },
    'environment DATABASE_URL: expected postgres://user:password@host:5432/database, found nothing',
  ],
  [
    'a list in a variable',
    { env: { ZEEKWAY_PEER: 'broker://h,x' } },
    `environment ZEEKWAY_PEER: expected ${PEER}, found "x"`,
  ],
  [
    'a retention in a variable',
    { env: { ZEEKWAY_RETENTION: 'conn=1d,dns' } },
    'environment ZEEKWAY_RETENTION: expected PATH=DAYS, like conn=30d, found "dns"',
  ],
  ['an option', { flags: { '--spool-size': ['1'] } }, `option --spool-size: ${SIZE}, found "1"`],
  [
    'a retention in an option',
    { flags: { '--retention': ['conn=x'] } },
    `option --retention: conn: ${DAYS}, found "x"`,
  ],
  [
    'the retention of all others',
    { flags: { '--retention': ['default=x'] } },
    `option --retention: default: ${DAYS}, found "x"`,
  ],
  [
    'a retention without a log',
    { flags: { '--retention': ['=1d'] } },
    'option --retention: expected PATH=DAYS, like conn=30d, found "=1d"',
  ],
  [
    'an option against a default',
    { flags: { '--spool-size': ['1MiB'] } },
    'option --spool-size: expected at least spool.sync-bytes (4MiB), found 1MiB',
  ],
] as const) {
  test(`the mistake in ${what}`, async (t) => {
    t.deepEqual(await mistakes(given), [line]);
  });
}

test('all mistakes are told at once, the file from its top to its bottom', async (t) => {
  const yaml = 'spool: {size: 1, unknown: 2}\nhttp: x\nhttp: y\npeer: [x, http://y]\nlisten: 3\n';
  const lines = await mistakes({
    yaml,
    env: { ZEEKWAY_DATA: '' },
    flags: { '--log-level': ['loud'], '--http': ['h:1'] },
  });
  t.deepEqual(
    lines.map((line) => /^.*?: [\w.[\]-]*/.exec(line)?.[0]),
    [
      'FILE:1:15: spool.size',
      'FILE:1:18: spool.unknown',
      'FILE:2:7: http',
      'FILE:3:1: http',
      'FILE:4:8: peer[0]',
      'FILE:4:11: peer[1]',
      'FILE:5:9: listen',
      'environment ZEEKWAY_DATA: expected',
      'option --log-level: expected',
    ],
  );
});

test('what is no YAML at all does not hide the mistakes elsewhere', async (t) => {
  const lines = await mistakes({ yaml: 'a: b: c', flags: { '--http': ['x'] } });
  t.is(lines.length, 2);
});

test('thousands of mistakes are counted', async (t) => {
  const yaml = Array.from({ length: 5_000 }, (_, n) => `k${n}: 1`).join('\n');
  const lines = await mistakes({ yaml });
  t.is(lines.length, CONFIG_PROBLEMS + 1);
  t.is(lines.at(-1), `and ${5_000 - CONFIG_PROBLEMS} further mistakes`);
});

test('a file that is not there, a folder, a device without an end, a capture, a file that is too large', async (t) => {
  const withFile = (path: string) => mistakes({ flags: { '--config': [path] } });
  t.deepEqual(await withFile('/nowhere/x.yaml'), [
    "/nowhere/x.yaml: expected a configuration file, it cannot be read: ENOENT: no such file or directory, open '/nowhere/x.yaml'",
  ]);
  t.regex((await withFile('/'))[0] ?? '', /^\/: expected a configuration file, it cannot be read: EISDIR/);
  t.deepEqual(await withFile('/dev/zero'), ['/dev/zero: expected a configuration file of at most 256KiB']);
  t.regex(
    (await mistakes({ env: { ZEEKWAY_CONFIG: '' } }))[0] ?? '',
    /^--config or ZEEKWAY_CONFIG: expected a c/,
  );
  t.deepEqual(await mistakes({ yaml: readFileSync(pcapFile('native-events')) }), [
    'FILE: expected a YAML file, found bytes that are no UTF-8',
  ]);
  const comment = `data: /x\n#${'x'.repeat(CONFIG_FILE_BYTES)}`;
  t.deepEqual(await mistakes({ yaml: comment.slice(0, CONFIG_FILE_BYTES) }), []);
  t.deepEqual(await mistakes({ yaml: comment.slice(0, CONFIG_FILE_BYTES + 1) }), [
    'FILE: expected a configuration file of at most 256KiB',
  ]);
});

const bomb = (lines: number): string =>
  Array.from({ length: lines }, (_, n) => {
    const each = n === 0 ? 'x' : `*a${n - 1}`;
    return `a${n}: &a${n} [${Array.from({ length: 9 }, () => each).join(', ')}]`;
  }).join('\n');

for (const [what, yaml, pattern] of [
  ['aliases of aliases', `${bomb(30)}\npeer: *a29`, /peer\[0\]: expected an endpoint URL .*, found a list/],
  ['deep lists', '['.repeat(CONFIG_FILE_BYTES), /FILE:1:\d+: expected at most 100 levels of nesting/],
  ['deep lists on lines', '- '.repeat(CONFIG_FILE_BYTES / 2), /expected at most 100 levels of nesting/],
  ['deep mappings', '{a: '.repeat(CONFIG_FILE_BYTES / 4), /expected at most 100 levels of nesting/],
  ['deep names of keys', '? '.repeat(CONFIG_FILE_BYTES / 2), /expected at most 100 levels of nesting/],
  ['a list of aliases', `data: &a x\npeer:\n${' - *a\n'.repeat(CONFIG_FILE_BYTES / 8)}`, /further mistakes/],
  ['a long name', `${'k'.repeat(1_020)}: 1`, /^FILE:1:1: k{900,}\.\.\.$/m],
] as const) {
  test(`${what} are a mistake and no more`, async (t) => {
    const lines = await mistakes({ yaml });
    t.regex(lines.join('\n'), pattern);
    t.true(lines.join('').length < 100_000);
  });
}

test('no mistake shows a password', async (t) => {
  const secret = 'hunter2';
  const texts = [
    `postgres://u:${secret}@h:port/d`,
    `mysql://u:${secret}@h/d`,
    `postgres:/u:${secret}/${secret}@h`,
    `u:${secret}@h/d`,
    `host=h password=${secret}`,
    `host=h password = '${secret} ${secret}'`,
    `broker://u:${secret}@h`,
    `broker://u:/${secret}@@h`,
    `broker://h?tls=mutual&passphrase=${secret}`,
    `broker://h?tls=mutual&passphrase=#${secret}`,
    `broker://h?tls=off&passphrase=${secret}`,
  ];
  for (const text of texts) {
    const quoted = JSON.stringify(text);
    const lines = await mistakes({
      yaml: `database: ${quoted}\nlisten: ${quoted}\npeer: [${quoted}]\nhttp: ${quoted}\n${quoted}: x\nretention: {logs: {x: ${quoted}}}`,
      env: { ZEEKWAY_HTTP: text, ZEEKWAY_PEER: text },
      flags: { '--listen': [text], '--spool-size': [text] },
    });
    t.true(lines.length >= 8, text);
    t.notRegex(lines.join('\n'), /hunter2/, text);
  }
  t.notRegex((await mistakes({ env: { DATABASE_URL: secret } })).join(), /hunter2/);
  t.notRegex((await mistakes({ yaml: `data: [\ndatabase: postgres://u:${secret}@h` })).join(), /hunter2/);
});

test('the error is one of the catalogue, with all lines in its message', async (t) => {
  const error = await t.throwsAsync(load({ yaml: 'a: 1\nb: 2' }), { code: 'config_invalid' });
  t.regex(error.message, /:1:1: a: unknown key.*; .*:2:1: b: unknown key/);
});
