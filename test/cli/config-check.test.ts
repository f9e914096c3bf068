import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { COMMAND_KEYS } from '../../src/cli/config/keys.js';
import { ownDatabase } from '../support/database.js';
import { until } from '../support/endpoints.js';
import { projectFile } from '../support/project.js';
import { pcapFile } from '../support/recordings.js';
import { Zeekway, zeekway } from './cli.js';
import { configFile } from './config-sources.js';

test('config check of what is right: one line and exit code 0', async (t) => {
  const path = configFile('http: 127.0.0.1:0');
  for (const [args, env, where] of [
    [['--config', path], {}, path],
    [['--http', 'localhost:1'], {}, 'without a file'],
    [[], { ZEEKWAY_CONFIG: path }, path],
  ] as const) {
    const { code, out, err } = await zeekway(t, ['config', 'check', ...args], env);
    t.is(out, `the configuration is valid (${where})\n`);
    t.is(err, '');
    t.is(code, 0);
  }
});

test('config check of what is wrong: a line for each mistake, what to do, and exit code 1', async (t) => {
  const path = configFile('http: here\nspol: 1');
  const { code, out, err } = await zeekway(
    t,
    ['config', 'check', '--print', '--config', path, '--peer', 'x'],
    {
      ZEEKWAY_LOG_LEVEL: 'loud',
      ZEEKWAY_HTP: 'x',
    },
  );
  t.is(code, 1);
  t.is(out, '');
  t.deepEqual(
    err.split('\n').map((line) => line.replaceAll(path, 'FILE').replace(/expected .*\[/, '... [')),
    [
      `zeekway: warning: environment variable ZEEKWAY_HTP is none of zeekway's; did you mean "ZEEKWAY_HTTP"?`,
      'zeekway: FILE:1:7: http: ... [config_invalid]',
      'zeekway: FILE:2:1: spol: unknown key; did you mean "spool"? (known here: listen, peer, subscribe, relay, route, node-name, database, data, http, api, log-level, spool, retention, stores, door) [config_invalid]',
      'zeekway: environment ZEEKWAY_LOG_LEVEL: ... [config_invalid]',
      'zeekway: option --peer: ... [config_invalid]',
      '  Each line names the key, the variable or the option, and what was expected; docs/operations.md lists them all.',
      '',
    ],
  );
});

test('config check --print: a file that is right again', async (t) => {
  const first = await zeekway(
    t,
    ['config', 'check', '--print', '--retention', 'conn=30d', '--http', '[::1]:1'],
    {
      DATABASE_URL: 'postgres://u:hunter2@h/d',
    },
  );
  t.is(first.code, 0, first.err);
  t.regex(first.out, /^database: postgres:\/\/u:\*\*\*@h\/d # environment DATABASE_URL$/m);
  t.regex(first.out, /^ {4}conn: 30d # option --retention$/m);
  const path = configFile(first.out);
  const second = await zeekway(t, ['config', 'check', '--print', '--config', path]);
  const places = / # (default|option|file|environment).*$/gm;
  t.is(second.out.replace(places, ''), first.out.replace(places, ''));
});

test('the example is right, and has every key', async (t) => {
  const path = projectFile('docs/zeekway.example.yaml');
  const { code, out } = await zeekway(t, ['config', 'check', '--print', '--config', path]);
  t.is(code, 0);
  t.deepEqual(
    out.split('\n').filter((line) => / # default$|not set/.test(line)),
    [],
  );
});

test('the help of a command has the options of its keys', async (t) => {
  for (const name of ['serve', 'replay', 'demo'] as const) {
    const { out } = await zeekway(t, [name, '--help']);
    const flags = [...out.matchAll(/^ {2}(--[\w-]+)/gm)].map(([, flag]) => flag as string);
    const others = { serve: [], replay: ['--again', '--speed'], demo: [] }[name];
    t.deepEqual(
      flags.filter((flag) => !others.includes(flag as never)).sort(),
      [...new Set(['--config', ...COMMAND_KEYS[name].map(({ flag }) => flag)])].sort(),
    );
  }
});

test.serial('serve and replay take the database, the folder and the API of a file', async (t) => {
  const { url } = await ownDatabase(t);
  const data = mkdtempSync(join(tmpdir(), 'zeekway-config-data-'));
  const yaml = {
    database: url,
    data,
    http: '127.0.0.1:0',
    listen: ['broker://127.0.0.1:0'],
    'node-name': 'by-file',
  };
  const env = { ZEEKWAY_CONFIG: configFile(JSON.stringify(yaml)) };
  const replay = await zeekway(t, ['replay', pcapFile('native-log-types')], env);
  t.is(replay.code, 0, replay.err);
  t.regex(replay.out, /gw_types .* 1003/);
  const gateway = new Zeekway(t, ['serve'], env);
  await until('the API is up', () => /API at http:\/\/127\.0\.0\.1:\d+/.test(gateway.err), 30_000);
  t.regex(gateway.err, /"node":"by-file"/);
  gateway.kill('SIGTERM');
  t.is((await gateway.end()).code, 0);
});
