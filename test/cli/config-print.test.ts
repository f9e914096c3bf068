import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { LoadedConfig } from '../../src/cli/config/load.js';
import { printConfig } from '../../src/cli/config/print.js';
import { parseEndpointUrl } from '../../src/transport/endpoint-url.js';
import { load, mistakes } from './config-sources.js';

/** The same with URLs in their one spelling. */
const spelt = ({ config }: LoadedConfig) => ({
  ...config,
  listen: config.listen.map((url) => parseEndpointUrl(url).url),
  peer: config.peer.map((url) => parseEndpointUrl(url).url),
});

/** Each line of a key, with its value and where that is from. */
function lines(printed: string): string[] {
  return printed.split('\n').filter((line) => line !== '' && !/^# The configuration/.test(line));
}

test('each value has behind it where it is from', async (t) => {
  const { settings, file } = await load({
    yaml: 'subscribe: [x/]\nspool:\n  size: 1024MiB\nretention: {logs: {conn: 30d, dns: never}}',
    env: { DATABASE_URL: 'postgres://u@h/d', ZEEKWAY_PEER: '' },
    flags: { '--http': ['[::1]:1'], '--retention': ['dns=7d'], '--data': ['/x'] },
  });
  t.deepEqual(lines(printConfig(settings)), [
    'listen:',
    '  - broker://127.0.0.1:9999?tls=anonymous # default',
    'peer: [] # environment ZEEKWAY_PEER',
    'subscribe:',
    `  - x/ # file ${file}:1:13`,
    'relay: [] # default',
    'route: [] # default',
    '# node-name: not set (default: none)',
    'database: postgres://u@h/d # environment DATABASE_URL',
    'data: /x # option --data',
    'http: "[::1]:1" # option --http',
    '# api.tls-cert: not set (default: none: plain HTTP)',
    '# api.tls-key: not set (default: none)',
    'api:',
    '  auth: auto # default',
    '  rate-limit: "6000" # default',
    'log-level: info # default',
    'spool:',
    `  size: 1GiB # file ${file}:3:9`,
    '  sync-interval: 50ms # default',
    '  sync-bytes: 4MiB # default',
    'retention:',
    '  default: never # default',
    '  logs:',
    `    conn: 30d # file ${file}:4:26`,
    '    dns: 7d # option --retention',
    'stores:',
    '  masters: {} # default',
    '  clones: [] # default',
    '  mirror: [] # default',
    'door:',
    '  tokens: {} # default',
    '  publish: {} # default',
    '  overflow: drop_oldest # default',
    '  queue: 1MiB # default',
  ]);
});

test('keys without a value are comments', async (t) => {
  const { settings } = await load({});
  const comments =
    '\n# node-name: not set (default: none)\n# database: not set (default: the embedded PostgreSQL)\ndata: ';
  t.true(printConfig(settings).includes(comments));
});

const printedFor = async (flags: Record<string, string[]>): Promise<string> =>
  printConfig((await load({ flags })).settings);

test('passwords are ***', async (t) => {
  const tls = 'tls=mutual&cert=c&key=k&ca=a&passphrase=hunter2';
  const urls = {
    '--listen': [`broker://h?${tls}`],
    '--peer': [`broker://h?${tls}%20hunter2&verify-host=yes`],
  };
  const printed = await printedFor({
    ...urls,
    '--database': ['postgres://u:hunter2%2Fx@h:1/d?sslmode=require'],
  });
  t.notRegex(printed, /hunter2/);
  t.regex(printed, /^ {2}- broker:\/\/h:9999\?tls=mutual&cert=c&key=k&ca=a&passphrase=\*\*\* #/m);
  t.regex(printed, /^database: postgres:\/\/u:\*\*\*@h:1\/d\?sslmode=require #/m);
  const inQuery = await printedFor({
    '--database': ['postgres://h/d?user=u&password=hunter2&sslpassword=hunter2'],
  });
  t.notRegex(inQuery, /hunter2/);
  t.regex(inQuery, /password=\*\*\*&sslpassword=\*\*\*/);
  // Masked, it is a configuration still.
  await t.notThrowsAsync(load({ yaml: printed }));
  await t.notThrowsAsync(load({ yaml: inQuery }));
});

test('tokens are ***, in mistakes, too, and what is printed lets nobody in', async (t) => {
  const token = 'soc-token-0123456789';
  const flags = { '--door-tokens': [`soc=${token}=`], '--door-publish': ['soc=a/|b=/'] };
  const printed = await printedFor(flags);
  t.notRegex(printed, /soc-token/);
  t.regex(printed, /^ {4}soc: "\*\*\*" # option --door-tokens$/m);
  t.regex(printed, /^ {4}soc: a\/\|b=\/ # option --door-publish$/m);
  await t.notThrowsAsync(load({ yaml: printed }));
  for (const wrong of [
    { flags: { '--door-tokens': [token] } },
    { flags: { '--door-tokens': [`soc=${token} `.replace('-', ' ')] } },
    { yaml: `door: {tokens: {soc: "${token}!"}}` },
    { yaml: `door: {tokens: ${token}}` },
  ]) {
    const lines = (await mistakes(wrong)).join();
    t.regex(lines, /door.tokens|--door-tokens/);
    t.notRegex(lines, /0123456789/);
  }
});

test('rights are for those who have a token, and for anonymous', async (t) => {
  const flags = {
    '--door-tokens': ['soc=soc-token-0123456789'],
    '--door-publish': ['sock=a/', 'anonymous=b/'],
  };
  const [line, ...rest] = await mistakes({ flags });
  t.deepEqual(rest, []);
  t.regex(
    line ?? '',
    /option --door-publish: sock: expected anonymous, or a name in door\.tokens.*did you mean "soc"/,
  );
  const reserved = await mistakes({ flags: { '--door-tokens': ['anonymous=soc-token-0123456789'] } });
  t.regex(reserved.join(), /expected another name/);
});

test('a file name with a line break stays in its comment', async (t) => {
  const { settings } = await load({});
  const at = { place: 'a\nhttp: x:1:1', offset: 3 };
  const printed = printConfig({ ...settings, data: { at, items: [{ value: '/x', at }] } });
  t.regex(printed, /^data: \/x # file a\?http: x:1:1$/m);
});

const word = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 12 })
  .filter((text) => !text.includes('\0') && text.isWellFormed());
const line = fc.constantFrom(
  '-',
  '- a',
  'null',
  '~',
  'true',
  '7',
  '0x7',
  ' a',
  'a ',
  'a: b',
  'a #b',
  '#',
  '*a',
  '&a',
  '!a',
  '{',
  ']',
  '"',
  "'",
  '|',
  '>',
  '%',
  '@',
  '`',
  '',
  'a\nb',
  'a\n\nb\n ',
  '\t',
  '...',
  '---',
  '<<',
  'ä',
  '\u2028',
  '\u0085',
  '😀',
  'x'.repeat(2_000),
);
const text = fc.oneof(word, line).filter((each) => each !== '');
const days = fc.oneof(
  fc.constant('never'),
  fc.integer({ min: 1, max: 36_500 }).map((n) => `${n}d`),
);

async function comesBack(t: ExecutionContext, loaded: LoadedConfig): Promise<void> {
  const printed = printConfig(loaded.settings);
  const again = await load({ yaml: printed });
  t.deepEqual(spelt(again), spelt(loaded), printed);
  const places = / +# (default|option|file|environment).*$/gm;
  t.is(printConfig(again.settings).replace(places, ''), printed.replace(places, ''));
}

test('what is printed means the same', async (t) => {
  await comesBack(t, await load({}));
  const peers = fc.array(
    fc.constantFrom('broker://h', 'broker://[::1]:1?tls=off', 'broker://h?cert=a%20b&key=%23&ca=c'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { maxLength: 3 }),
      text,
      text.filter((each) => !/[/\p{Cc}]/u.test(each)),
      fc.integer({ min: 4_194_304, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: 1, max: 60_000 }),
      fc.array(
        fc.tuple(
          text.filter((each) => each !== 'default' && each.trim() === each),
          days,
        ),
        { maxLength: 3 },
      ),
      peers,
      async (subscribe, data, nodeName, size, interval, retention, peer) => {
        const flags = {
          '--subscribe': subscribe,
          '--data': [data],
          '--node-name': [nodeName],
          '--spool-size': [String(size)],
          '--spool-sync-interval': [`${interval}ms`],
          '--retention': retention.map(([name, each]) => `${name}=${each}`),
          '--peer': peer,
          '--database': ['postgres://u@h/d?host=/run'],
        };
        await comesBack(t, await load({ flags }));
      },
    ),
    { numRuns: 200 },
  );
});
