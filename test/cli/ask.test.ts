import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { type Asking, asked } from '../../src/cli/ask/asking.js';
import { exportCommand } from '../../src/cli/ask/export.js';
import { type QueryFlags, queryCommand } from '../../src/cli/ask/query.js';
import { tailCommand } from '../../src/cli/ask/tail.js';
import { encodeLogRecord } from '../../src/codec/log-record.js';
import { LiveRows } from '../../src/live/live-rows.js';
import { field, logItem, origin, schemaOf } from '../bridge/support.js';
import { openApi, type TestApi } from '../http/api.js';
import { until } from '../support/endpoints.js';
import { Zeekway } from './cli.js';

let server: TestApi;
let api: string;
const live = new LiveRows();
test.before(async (t) => {
  server = await openApi(t, { live });
  await server.makeLog('conn', [
    ['ts', 'time', 'timestamptz'],
    ['uid', 'string', 'text'],
    ['id.orig_h', 'addr', 'inet'],
    ['service', 'string', 'text'],
    ['orig_bytes', 'count', 'numeric(20,0)'],
    ['tags', 'set[string]', 'text[]'],
  ]);
  for (let n = 0; n < 120; n++) {
    await server.addRow('conn', {
      ts: `2026-11-24T00:00:${String(n % 60).padStart(2, '0')}Z`,
      uid: `C${n}`,
      'id.orig_h': `10.0.0.${n % 3}`,
      service: n % 2 === 0 ? 'dns' : null,
      orig_bytes: String(n),
      tags: n === 0 ? '{a,"b\x1b"}' : null,
    });
  }
  api = await server.server.listen({ port: 0, host: '127.0.0.1' });
});
test.after.always(() => server.server.close());

/** What a command prints. */
function asking(signal = new AbortController().signal) {
  const lines: string[] = [];
  const told: string[] = [];
  let bytes = '';
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      bytes += String(chunk);
      done();
    },
  });
  const terminal = { out: (line: string) => lines.push(line), err: (line: string) => told.push(line) };
  const own: Asking = { terminal, signal, stdout, isColoured: false };
  return { own, lines, told, bytes: () => bytes };
}

const FLAGS = { reverse: false, by: 'count', output: 'table' } as const;

async function query(log: string | undefined, filter: string | undefined, flags: Partial<QueryFlags> = {}) {
  const { own, ...printed } = asking();
  const code = await asked(filter, own, () => queryCommand(log, filter, { ...FLAGS, api, ...flags }, own));
  return { code, ...printed };
}

test('a table of rows: aligned, newest first, and it says that there are more', async (t) => {
  const { code, lines, told } = await query('conn', 'service == "dns"', {
    fields: 'ts,uid,service,orig_bytes',
    limit: 2,
  });
  t.is(code, 0);
  t.deepEqual(lines, [
    'ts                           uid   service  orig_bytes',
    '2026-11-24T00:00:58.000000Z  C118  dns             118',
    '2026-11-24T00:00:58.000000Z  C58   dns              58',
  ]);
  t.deepEqual(told, ['zeekway: there are more than these 2 (--limit)']);
});

test('more rows than a page has, and the fields of the log in its order', async (t) => {
  const { lines, told } = await query('conn', undefined, { limit: 119, reverse: true });
  t.is(lines.length, 120);
  t.regex(lines[0] ?? '', /^ts +uid +id\.orig_h +service +orig_bytes +tags$/);
  t.true(lines.some((line) => line.includes('a,b') && line.includes('\\x1b')));
  t.is(told.length, 1);
  t.is((await query('conn', 'uid == "nobody"')).told[0], 'zeekway: no such rows');
});

test('without a log it lists which there are', async (t) => {
  const { lines } = await query(undefined, undefined);
  t.regex(lines[1] ?? '', /^conn +120 +2026-11-24T00:00:00/);
  t.like(JSON.parse((await query(undefined, undefined, { output: 'json' })).lines[0] ?? ''), {
    path: 'conn',
    rows: 120,
  });
});

test('a time without a sign is one in the past', async (t) => {
  t.deepEqual((await query('conn', undefined, { since: '1s' })).told, ['zeekway: no such rows']);
});

test('a mistake in a filter is marked', async (t) => {
  const { own, told } = asking();
  const filter = 'uid == "C1" && servce == "dns"';
  const run = asked(filter, own, () => queryCommand('conn', filter, { ...FLAGS, api }, own));
  await t.throwsAsync(run, { code: 'filter_invalid', message: /did you mean "service"/ });
  t.deepEqual(told, [`  ${filter}`, `  ${' '.repeat(15)}^^^^^^`]);
});

test('JSON lines, CSV and TSV have all rows', async (t) => {
  const json = (await query('conn', 'service == "dns"', { output: 'json' })).bytes().trim().split('\n');
  t.is(json.length, 60);
  t.like(JSON.parse(json[0] ?? ''), { uid: 'C118', orig_bytes: 118 });
  t.is(
    (await query('conn', undefined, { output: 'csv', fields: 'uid' })).bytes().trim().split(/\r?\n/).length,
    121,
  );
  t.regex((await query('conn', undefined, { output: 'tsv' })).bytes(), /^#fields\tts\tuid\t/m);
});

test('the groups with the most', async (t) => {
  const { lines } = await query('conn', 'service == "dns"', { top: 'id.orig_h', by: 'orig_bytes', limit: 2 });
  t.deepEqual(lines, [
    'id.orig_h  sum:orig_bytes  count',
    '10.0.0.1             1220     20',
    '10.0.0.2             1180     20',
  ]);
  const csv = await query('conn', undefined, { top: 'service', output: 'csv' });
  t.deepEqual(csv.lines.toSorted(), ['-,60', 'dns,60', 'service,count']);
});

test('an export is the whole result in a file, which is not overwritten', async (t) => {
  const { own, told } = asking();
  const output = join(mkdtempSync(join(tmpdir(), 'zeekway-export-')), 'conn.ndjson');
  const flags = { api, format: 'ndjson', output };
  t.is(await exportCommand('conn', 'orig_bytes < 5', flags, own), 0);
  const rows = readFileSync(output, 'utf8').trim().split('\n');
  t.deepEqual(
    rows.map((row) => JSON.parse(row).uid),
    ['C0', 'C1', 'C2', 'C3', 'C4'],
  );
  t.regex(told[0] ?? '', /conn\.ndjson: \d+ bytes/);
  await t.throwsAsync(exportCommand('conn', undefined, flags, own), {
    code: 'export_failed',
    message: /EEXIST/,
  });
});

function rowOf(uid: string) {
  const schema = schemaOf('conn', [field('uid', 'string'), field('orig_bytes', 'count')]);
  const serial = encodeLogRecord([
    { type: 'string', value: uid },
    { type: 'count', value: 7n },
  ]);
  return logItem(schema, serial, origin('w'));
}

async function tailing(t: ExecutionContext, output: 'text' | 'json', filter?: string) {
  const stop = new AbortController();
  const { own, bytes } = asking(stop.signal);
  const before = live.watchers;
  const run = tailCommand(
    ['conn'],
    { api, output, fields: 'uid,orig_bytes', ...(filter ? { filter } : {}) },
    own,
  );
  await until('it watches', () => live.watchers > before);
  live.offer([rowOf('C1'), rowOf('C2')]);
  await until('the row is printed', () => bytes().includes('C2'));
  stop.abort();
  t.is(await run, 0);
  await until('it is forgotten', () => live.watchers === before);
  return bytes();
}

test.serial('a tail prints rows as they come, until it is stopped', async (t) => {
  t.is(await tailing(t, 'text'), 'uid=C1 orig_bytes=7\nuid=C2 orig_bytes=7\n');
  t.is(await tailing(t, 'json', 'uid == "C2"'), '{"uid":"C2","orig_bytes":7}\n');
});

test('what is no gateway is told as such', async (t) => {
  const other = createServer((_request, response) => response.writeHead(404).end('nothing')).listen(0);
  t.teardown(() => other.close());
  const port = (other.address() as AddressInfo).port;
  const { own } = asking();
  const at = (url: string) => queryCommand('conn', undefined, { ...FLAGS, api: url }, own);
  await t.throwsAsync(at(`http://127.0.0.1:${port}`), { code: 'api_unexpected', message: /status 404/ });
  await t.throwsAsync(at('nonsense'), { code: 'api_unreachable', message: /no URL/ });
  other.close();
  await t.throwsAsync(at(`http://127.0.0.1:${port}`), { code: 'api_unreachable', message: /ECONNREFUSED/ });
});

test('an answer that breaks off is an error', async (t) => {
  const other = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"rows"');
    setTimeout(() => response.destroy(), 50);
  }).listen(0);
  t.teardown(() => other.close());
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const { own } = asking();
  await t.throwsAsync(exportCommand('conn', undefined, { api: url, format: 'csv' }, own), {
    code: 'api_unexpected',
  });
});

test('as a process: exit codes, and the address from the environment', async (t) => {
  const good = await new Zeekway(t, ['query', 'conn', 'orig_bytes == 5', '--fields', 'uid'], {
    ZEEKWAY_API: api,
  }).end();
  t.deepEqual([good.code, good.out], [0, 'uid\nC5\n']);
  const bad = await new Zeekway(t, ['query', 'con', '--api', api]).end();
  t.is(bad.code, 1);
  t.regex(bad.err, /there is no log "con"; did you mean "conn"\?/);
});

test('who is interrupted says nothing', async (t) => {
  const stop = new AbortController();
  const { own, told } = asking(stop.signal);
  const run = asked(undefined, own, () => queryCommand('conn', undefined, { ...FLAGS, api }, own));
  stop.abort();
  t.is(await run, 130);
  t.deepEqual(told, []);
});

test('a script completes commands, options and choices', async (t) => {
  t.regex((await new Zeekway(t, ['completion', 'bash']).end()).out, /zeekway/);
  t.regex((await new Zeekway(t, ['complete', '--', 'query', '--out']).end()).out, /^--output\t/);
});
