import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ERROR_CATALOGUE } from '../../src/core/errors.js';
import { ownDatabase } from '../support/database.js';
import { pcapFile } from '../support/recordings.js';
import { Zeekway, zeekway } from './cli.js';

const folder = mkdtempSync(join(tmpdir(), 'zeekway-bad-input-'));
const data = ['--data', folder];

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function portInUse(t: ExecutionContext): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  return (server.address() as net.AddressInfo).port;
}

const emptyPcap = readFileSync(pcapFile('native-events')).subarray(0, 24);
const truncated = readFileSync(pcapFile('native-events')).subarray(0, -100);

for (const [what, path, code] of [
  ['a file that is no capture', file('letter.txt', 'Dear Zeek,\n'), 'capture_invalid'],
  ['an empty file', file('empty', ''), 'capture_invalid'],
  ['a file that is not there', join(folder, 'nowhere.pcap'), 'file_unreadable'],
  ['a folder', folder, 'file_unreadable'],
  ['a capture without packets', file('empty.pcap', emptyPcap), 'capture_without_broker'],
  ['an encrypted session', pcapFile('native-tls'), 'capture_without_broker'],
] as const) {
  test.serial(`replay of ${what}: one clear line with what to do, and exit code 1`, async (t) => {
    const { url } = await ownDatabase(t);
    const { code: exitCode, out, err } = await zeekway(t, ['replay', path, '--database', url, ...data]);
    t.is(exitCode, 1);
    t.is(out, '');
    const lines = err
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('zeekway: warning: '));
    t.is(lines.length, 2, err);
    t.regex(lines[0] ?? '', new RegExp(`^zeekway: .*\\[${code}\\]$`));
    t.is(lines[1], `  ${ERROR_CATALOGUE[code].action}`);
  });
}

test.serial('a truncated capture is read as far as it goes, with a warning and exit code 1', async (t) => {
  const { url } = await ownDatabase(t);
  const path = file('truncated.pcap', truncated);
  const { code, out, err } = await zeekway(t, ['replay', path, '--database', url, ...data]);
  t.is(code, 1, err);
  t.regex(err, /^zeekway: warning: truncated.pcap: .*\[capture_truncated\]/m);
  t.regex(out, /\(events\) .* 1[0-9]/);
});

for (const [what, content] of [
  ['a log of which no line can be read', '{"a":\n}\n'],
  ['a log that ends with one', '{"ts":1.0,"a":"\\ud800"}\n{"ts":1.0,"\\ud800":"x"}\n'],
] as const) {
  test.serial(`${what} is told, and does not count as replayed`, async (t) => {
    const { url } = await ownDatabase(t);
    const path = file('broken.log', content);
    for (let run = 0; run < 2; run += 1) {
      const { code, err } = await zeekway(t, ['replay', path, '--database', url, ...data]);
      t.is(code, 1, err);
      t.regex(err, /^zeekway: .*\[log_file_invalid\]$/m);
    }
  });
}

test.serial('what has nothing to store, and what was stored before, is said', async (t) => {
  const { url } = await ownDatabase(t);
  const args = ['--database', url, ...data];
  const stores = await zeekway(t, ['replay', pcapFile('native-stores'), ...args]);
  t.is(stores.code, 0);
  t.is(stores.out, '');
  t.regex(stores.err, /has nothing to store\n.* has \d+ commands of data stores, which are not stored\n/);
  for (const [out, err] of [
    [/gw_types/, /^$/],
    [/^$/, /was replayed before/],
  ] as const) {
    const run = await zeekway(t, ['replay', pcapFile('native-log-types'), ...args]);
    t.is(run.code, 0);
    t.regex(run.out, out);
    t.regex(run.err, err);
  }
});

test.serial('Ctrl-C ends a replay in the middle of its batches, and a later one begins anew', async (t) => {
  const { url, db } = await ownDatabase(t);
  const rows = 300_000;
  const line = (n: number): string => `{"ts":${n}.5,"uid":"C${n}","note":"${'x'.repeat(100)}"}\n`;
  const path = file('long.log', Array.from({ length: rows }, (_, n) => line(n)).join(''));
  const args = ['replay', path, '--database', url, ...data];
  const first = new Zeekway(t, args);
  const stored = async (): Promise<number> => {
    const { rows: found } = await db.pool.query("SELECT to_regclass('logs.long') IS NOT NULL AS made");
    if (!found[0].made) return 0;
    return Number((await db.pool.query('SELECT count(*) FROM logs.long')).rows[0].count);
  };
  while ((await stored()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  first.kill('SIGINT');
  const { code, err } = await first.end();
  t.is(code, 1);
  t.regex(err, /\[replay_stopped\]/);
  t.notRegex(err, /pool/);
  t.true((await stored()) < rows);
  t.is((await zeekway(t, args)).code, 0);
  t.is(await stored(), rows);
});

test.serial('a bad file does not keep the others from being read', async (t) => {
  const { url } = await ownDatabase(t);
  const bad = file('bad.txt', 'no');
  const { code, out } = await zeekway(t, [
    'replay',
    bad,
    pcapFile('native-log-types'),
    '--database',
    url,
    ...data,
  ]);
  t.is(code, 1);
  t.regex(out, /gw_types .* 1003/);
});

for (const [what, args, pattern] of [
  [
    'no database there',
    ['replay', 'x', '--database', 'postgres://127.0.0.1:1/x'],
    /cannot|reach.*\[database_unreachable\]/,
  ],
  ['a database URL that is none', ['replay', 'x', '--database', 'mysql://h/x'], /\[config_invalid\]/],
  ['a bad peer URL', ['serve', '--peer', 'zeek:9999'], /^zeekway: option --peer: .*\[config_invalid\]$/m],
  ['a bad HTTP address', ['serve', '--http', 'here'], /expected HOST:PORT/],
  ['a bad speed', ['replay', 'x', '--speed', 'fast'], /expected "max"/],
  ['an unknown option', ['serve', '--lsten', 'x'], /unknown option '--lsten'/],
  ['an unknown command', ['sevre'], /unknown command 'sevre'/],
] as const) {
  test.serial(`${what}: a clear line and an exit code`, async (t) => {
    const { code, err } = await zeekway(t, [...args, ...(args[0] === 'sevre' ? [] : data)]);
    t.not(code, 0);
    t.regex(err, pattern);
    t.notRegex(err, /^ +at /m);
  });
}

test.serial('ports in use: a clear line and an exit code', async (t) => {
  const { url } = await ownDatabase(t);
  const port = await portInUse(t);
  const base = ['serve', '--database', url, ...data];
  const http = await zeekway(t, [...base, '--http', `127.0.0.1:${port}`]);
  t.is(http.code, 1);
  t.regex(http.err, /HTTP API cannot listen: .*EADDRINUSE.*\[listen_failed\]/);
  const listen = await zeekway(t, [
    ...base,
    '--http',
    '127.0.0.1:0',
    '--listen',
    `broker://127.0.0.1:${port}`,
  ]);
  t.is(listen.code, 1);
  t.regex(listen.err, /cannot listen on 127\.0\.0\.1.*EADDRINUSE.*\[listen_failed\]/);
});

test.serial('an endpoint ID file with something else in it', async (t) => {
  const { url } = await ownDatabase(t);
  const dir = mkdtempSync(join(folder, 'id-'));
  writeFileSync(join(dir, 'endpoint-id'), 'not a uuid\n');
  const { code, err } = await zeekway(t, [
    'serve',
    '--database',
    url,
    '--data',
    dir,
    '--http',
    '127.0.0.1:0',
  ]);
  t.is(code, 1);
  t.regex(err, /holds no endpoint ID.*\[endpoint_id_invalid\]/);
});
