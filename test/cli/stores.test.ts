import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { count } from '../../src/codec/value.js';
import { ownDatabase } from '../support/database.js';
import { testEndpoint, until } from '../support/endpoints.js';
import { Zeekway, zeekway } from './cli.js';

const BACKENDS = ['memory', 'sqlite', 'leveldb', 'postgresql'];

/** A gateway with a master for each back end, which is mirrored. */
async function serve(t: ExecutionContext, where: readonly string[], port = 0) {
  const stores = BACKENDS.flatMap((kind) => [
    '--store-master',
    `s-${kind}=${kind}`,
    '--store-mirror',
    `s-${kind}`,
  ]);
  const listen = ['--listen', `broker://127.0.0.1:${port}?tls=off`, '--http', '127.0.0.1:0'];
  const gateway = new Zeekway(t, ['serve', ...listen, ...where, ...stores]);
  await until('the API is up', () => gateway.err.includes('API at'), 60_000);
  await until('all are attached', () => BACKENDS.every((kind) => gateway.err.includes(`s-${kind}`)), 60_000);
  const api = /API at (http:\/\/[^,]+),/.exec(gateway.err)?.[1] ?? '';
  const listening = Number(/listening for peers at 127\.0\.0\.1:(\d+)/.exec(gateway.err)?.[1]);
  const store = (...args: string[]) => zeekway(t, ['store', args[0] ?? '', '--api', api, ...args.slice(1)]);
  return { gateway, port: listening, store };
}

test.serial(
  'stores of a gateway: by command, by a clone of another program, and after kill -9',
  async (t) => {
    const { url } = await ownDatabase(t);
    const where = ['--database', url, '--data', mkdtempSync(join(tmpdir(), 'zeekway-stores-'))];
    const first = await serve(t, where);
    const { endpoint: client } = testEndpoint(t);
    client.peer(`broker://127.0.0.1:${first.port}?tls=off`);
    for (const kind of BACKENDS) {
      const store = `s-${kind}`;
      t.is((await first.store('put', store, '192.0.2.1', '"printer"')).code, 0);
      t.deepEqual(await first.store('get', store, '192.0.2.1'), { code: 0, out: '"printer"\n', err: '' });
      const clone = await client.attachClone(store, { waitMs: 60_000 });
      await clone.increment('n', count(2n ** 64n - 1n));
      t.is((await first.store('put', store, '192.0.2.1', '1', '--unique')).code, 1);
      t.is((await first.store('change', store, '"set"', 'insert', '443/tcp')).code, 0);
    }
    const { out } = await first.store('list', '-o', 'json');
    t.deepEqual(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ name, role, entries }) => [name, role, entries]),
      BACKENDS.map((kind) => [`s-${kind}`, 'master', 3]).sort(),
    );
    t.deepEqual((await first.store('keys', 's-sqlite')).out.trim().split('\n').sort(), [
      '"n"',
      '"set"',
      '192.0.2.1',
    ]);
    const missing = await first.store('get', 's-memory', '"no"');
    t.not(missing.code, 0);
    t.regex(missing.err, /store_key_missing/);

    first.gateway.kill('SIGKILL');
    await first.gateway.end();
    const second = await serve(t, where, first.port);
    for (const kind of BACKENDS.slice(1)) {
      const store = `s-${kind}`;
      const clone = client.store(store);
      await clone?.increment('n', count(1));
      const content = (await second.store('get', store)).out;
      t.deepEqual(content.trim().split('\n').sort(), [
        '"n" = 0',
        '"set" = {443/tcp}',
        '192.0.2.1 = "printer"',
      ]);
    }
    // Of the one in memory nothing is left, and its history says when that was found.
    t.is((await second.store('get', 's-memory')).out, '');
    await until('the history has it', async () =>
      (await second.store('history', 's-memory', '192.0.2.1')).out.includes('unknown'),
    );
    const history = await second.store('history', 's-postgresql', '"n"');
    t.regex(history.out, /^\S+ now "n" = 0\n\S+ \S+ updated "n" = 18446744073709551615\n$/);
    const then = /^(\S+)/.exec(history.out.split('\n')[1] ?? '')?.[1] ?? '';
    t.regex((await second.store('history', 's-postgresql', '--at', then)).out, /"n" = 18446744073709551615/);
  },
);

test.serial('a watch prints changes as they come', async (t) => {
  const { url } = await ownDatabase(t);
  const { store, gateway } = await serve(t, [
    '--database',
    url,
    '--data',
    mkdtempSync(join(tmpdir(), 'zeekway-stores-')),
  ]);
  const api = /API at (http:\/\/[^,]+),/.exec(gateway.err)?.[1] ?? '';
  const watch = new Zeekway(t, ['store', 'watch', 's-memory', '--api', api]);
  await until('a change is there', async () => {
    await store('put', 's-memory', '"k"', '1');
    return watch.out.includes('"k" = 1');
  });
  await store('erase', 's-memory', '"k"');
  await until('the end is there', () => watch.out.endsWith('erase  "k"\n'));
  t.pass();
});
