import test from 'ava';
import { KEYS, type Key } from '../../src/cli/config/keys.js';
import { configFile, load, mistakes } from './config-sources.js';

const MiB = 1024 ** 2;

test('without anything, there are the defaults', async (t) => {
  const { config, file } = await load({});
  t.is(file, undefined);
  const { data, ...rest } = config;
  t.true(data.endsWith('/zeekway'));
  t.deepEqual(rest, {
    listen: ['broker://127.0.0.1:9999'],
    peer: [],
    subscribe: [],
    relay: [],
    routes: [],
    http: { host: '127.0.0.1', port: 9280 },
    api: { auth: 'auto', rateLimit: 6_000 },
    logLevel: 'info',
    spool: { size: 4096 * MiB, syncIntervalMs: 50, syncBytes: 4 * MiB },
    retention: { defaultDays: undefined, days: new Map() },
    stores: { masters: new Map(), clones: [], mirror: [] },
    door: { tokens: new Map(), publish: new Map(), overflow: 'drop_oldest', queue: MiB },
  });
});

test('a file has them all, as lines and as JSON', async (t) => {
  const values = {
    listen: ['broker://0.0.0.0:9998', 'zeromq-log://0.0.0.0:9997'],
    peer: ['broker://zeek:9999?tls=off', 'broker://[::1]', 'zeromq://zeek?xpub=5555'],
    subscribe: ['zeek/event/'],
    relay: ['tcp://10.0.0.5:5557', 'tcp://[::1]:1'],
    route: ['broker<>zeromq=site/'],
    'node-name': 'logger-1',
    database: 'postgres://u:p@h/d',
    data: '/srv/zeekway',
    http: '[::]:80',
    api: { auth: 'required', 'tls-cert': 'api.pem', 'tls-key': 'api-key.pem', 'rate-limit': 'off' },
    'log-level': 'debug',
    spool: { size: '512MiB', 'sync-interval': '2s', 'sync-bytes': 4096 },
    retention: { default: '90d', logs: { conn: '30d', dns: 'never' } },
    stores: { masters: { hosts: 'sqlite' }, clones: ['known'], mirror: ['hosts', 'known'] },
    door: {
      tokens: { soc: 'soc-token-0123456789==' },
      publish: { soc: 'a/|b/', anonymous: 'c/' },
      overflow: 'disconnect',
      queue: '2MiB',
    },
  };
  const yaml = `
listen:
- broker://0.0.0.0:9998 # a comment
- zeromq-log://0.0.0.0:9997
peer: [broker://zeek:9999?tls=off, "broker://[::1]", zeromq://zeek?xpub=5555]
subscribe:
  - 'zeek/event/'
relay: [tcp://10.0.0.5:5557, "tcp://[::1]:1"]
route: [broker<>zeromq=site/]
node-name: logger-1
database: postgres://u:p@h/d
data: /srv/zeekway
http: "[::]:80"
api: {auth: required, tls-cert: api.pem, tls-key: api-key.pem, rate-limit: off}
log-level: debug
spool:
  size: 512MiB
  sync-interval: 2s
  sync-bytes: 4096
retention:
  default: 90d
  logs: {conn: 30d, dns: never}
stores:
  masters: {hosts: sqlite}
  clones: [known]
  mirror: [hosts, known]
door:
  tokens: {soc: soc-token-0123456789==}
  publish:
    soc: a/|b/
    anonymous: c/
  overflow: disconnect
  queue: 2MiB
`;
  const { config } = await load({ yaml });
  t.deepEqual(config, {
    listen: values.listen,
    peer: values.peer,
    subscribe: values.subscribe,
    relay: values.relay,
    routes: [
      { from: 'broker', to: 'zeromq', prefix: 'site/' },
      { from: 'zeromq', to: 'broker', prefix: 'site/' },
    ],
    nodeName: 'logger-1',
    database: 'postgres://u:p@h/d',
    data: '/srv/zeekway',
    http: { host: '::', port: 80 },
    api: { auth: 'required', tls: { cert: 'api.pem', key: 'api-key.pem' }, rateLimit: undefined },
    logLevel: 'debug',
    spool: { size: 512 * MiB, syncIntervalMs: 2_000, syncBytes: 4_096 },
    retention: {
      defaultDays: 90,
      days: new Map([
        ['conn', 30],
        ['dns', undefined],
      ]),
    },
    stores: { masters: new Map([['hosts', 'sqlite']]), clones: ['known'], mirror: ['hosts', 'known'] },
    door: {
      tokens: new Map([['soc', 'soc-token-0123456789==']]),
      publish: new Map([
        ['soc', ['a/', 'b/']],
        ['anonymous', ['c/']],
      ]),
      overflow: 'disconnect',
      queue: 2 * MiB,
    },
  });
  t.deepEqual((await load({ yaml: JSON.stringify(values) })).config, config);
});

test('an option is stronger than a variable, that than the file, that than the default', async (t) => {
  const sources = {
    yaml: 'http: "h:1"\nsubscribe: [a, b]\nspool: {size: 1GiB}\ndata: /file',
    env: { ZEEKWAY_HTTP: 'h:2', ZEEKWAY_SUBSCRIBE: 'c, d,', ZEEKWAY_SPOOL_SIZE: '2GiB' },
    flags: { '--http': ['h:3', 'h:4'], '--subscribe': ['e', 'f'] },
  };
  const all = await load(sources);
  t.deepEqual(all.config.http, { host: 'h', port: 4 }, 'the last one counts');
  t.deepEqual(all.config.subscribe, ['e', 'f']);
  t.is(all.config.spool.size, 2048 * MiB);
  t.is(all.config.data, '/file');
  const { config } = await load({ ...sources, flags: {} });
  t.is(config.http.port, 2);
  t.deepEqual(config.subscribe, ['c', 'd']);
  t.is((await load({ yaml: sources.yaml })).config.http.port, 1);
});

for (const key of Object.values(KEYS) as Key[]) {
  test(`${key.path}: its option and its variable are read`, async (t) => {
    const text =
      {
        listen: 'broker://h:1',
        peer: 'broker://h:1',
        subscribe: 'x/',
        relay: 'tcp://h:1',
        route: 'broker>zeromq=x/',
        'node-name': 'x',
        database: 'postgres://h/d',
        data: '/x',
        http: 'h:1',
        'api.auth': 'required',
        'api.tls-cert': 'a.pem',
        'api.tls-key': 'a-key.pem',
        'api.rate-limit': '7',
        'log-level': 'error',
        'spool.size': '1GiB',
        'spool.sync-interval': '7ms',
        'spool.sync-bytes': '7B',
        'retention.default': 'default=7d',
        'retention.logs': 'conn=7d',
        'stores.masters': 'x=leveldb',
        'stores.clones': 'x',
        'stores.mirror': 'x',
        'door.tokens': 'soc=soc-token-0123456789',
        'door.publish': 'anonymous=a/',
        'door.overflow': 'disconnect',
        'door.queue': '2MiB',
      }[key.path] ?? '';
    // A certificate and its key come together, and what is mirrored is one of the stores.
    const flags: Record<string, string[]> =
      {
        'api.tls-cert': { '--api-tls-key': ['other.pem'] },
        'api.tls-key': { '--api-tls-cert': ['other.pem'] },
        'stores.mirror': { '--store-clone': ['x'] },
      }[key.path] ?? {};
    const plain = await load({});
    const byFlag = await load({ flags: { ...flags, [key.flag]: [text] } });
    const byVariable = await load({ flags, env: { [key.env]: text } });
    t.notDeepEqual(byFlag.config, plain.config);
    t.deepEqual(byVariable.config, byFlag.config);
  });
}

test('the retention counts for each log', async (t) => {
  const yaml = 'retention: {default: 90d, logs: {conn: 30d, dns: 30d, default: 1d}}';
  const env = { ZEEKWAY_RETENTION: 'dns=7d, ssl=7d' };
  const flags = { '--retention': ['ssl=1d', 'a=b=never', 'ssl=2d'] };
  const { config } = await load({ yaml, env, flags });
  t.is(config.retention.defaultDays, 90);
  t.deepEqual(
    config.retention.days,
    new Map([
      ['conn', 30],
      ['dns', 7],
      ['default', 1],
      ['ssl', 2],
      ['a=b', undefined],
    ]),
  );
  const byFlag = await load({ yaml, flags: { '--retention': ['default=never'] } });
  t.is(byFlag.config.retention.defaultDays, undefined);
  t.is(byFlag.config.retention.days.get('conn'), 30);
});

test('who dials listens only when told so', async (t) => {
  t.deepEqual((await load({ flags: { '--peer': ['broker://h'] } })).config.listen, []);
  t.deepEqual((await load({ yaml: 'listen: []' })).config.listen, ['broker://127.0.0.1:9999']);
  const { config } = await load({
    yaml: 'listen: [broker://a]',
    env: { ZEEKWAY_LISTEN: '', ZEEKWAY_PEER: 'broker://b' },
  });
  t.deepEqual(config.listen, [], 'an empty variable is an empty list');
});

test('the file is named by a variable, too', async (t) => {
  const [first, second] = [configFile('data: /first'), configFile('data: /second')];
  t.is((await load({ env: { ZEEKWAY_CONFIG: first } })).config.data, '/first');
  const { config, file } = await load({ env: { ZEEKWAY_CONFIG: first }, flags: { '--config': [second] } });
  t.is(config.data, '/second');
  t.is(file, second);
});

test('a command has the variables of its own keys, and the whole file', async (t) => {
  const env = { ZEEKWAY_HTTP: 'nonsense', DATABASE_URL: 'postgres://h/d' };
  t.is((await load({ command: 'replay', env })).config.database, 'postgres://h/d');
  t.deepEqual(await mistakes({ command: 'demo', env: { DATABASE_URL: 'nonsense' } }), []);
  t.is((await mistakes({ command: 'replay', yaml: 'http: nonsense' })).length, 1);
});

test('nothing is written: empty lists and sections, and a comment', async (t) => {
  const plain = await load({});
  for (const yaml of [
    '',
    '\n',
    '# nothing\n',
    '---\n',
    '\uFEFF',
    'peer:\nspool:\nretention:\n  logs:\n',
    '{}',
    'null',
  ]) {
    t.deepEqual((await load({ yaml })).config, plain.config, JSON.stringify(yaml));
  }
});

test('texts are what is written, and an alias is what it stands for', async (t) => {
  const { config } = await load({ yaml: 'node-name: 007\ndata: null.d\nsubscribe: [&x 1e3, true, *x, "y"]' });
  t.is(config.nodeName, '007');
  t.deepEqual(config.subscribe, ['1e3', 'true', '1e3', 'y']);
  const days = 'retention: {default: &d 30d, logs: {conn: *d, dns: &d 7d, *d : *d}}';
  t.deepEqual(
    (await load({ yaml: days })).config.retention.days,
    new Map([
      ['conn', 30],
      ['dns', 7],
      ['7d', 7],
    ]),
  );
});
