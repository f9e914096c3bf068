import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SqliteBackend } from '../../src/store/backends/sqlite.js';
import { contentOf } from '../support/backend-suite.js';

/** Commits 3,000 entries, and is killed in the middle of a transaction that changes all of them and spills to the file. */
const KILLED = `
  import * as worker from '${new URL('../../src/store/backends/sqlite-worker.js', import.meta.url).href}';
  import { encodeValue } from '${new URL('../../src/codec/value-binary.js', import.meta.url).href}';
  const put = (text) => Array.from({ length: 3000 }, (_, index) => ({
    key: encodeValue({ type: 'count', value: BigInt(index) }),
    value: encodeValue({ type: 'string', value: text.repeat(500) }),
    expires: undefined,
  }));
  worker.open({ file: process.argv[1] });
  worker.commit({ isCleared: false, erased: [], puts: put('a'), position: Uint8Array.of(1) });
  const puts = put('b');
  puts[2999] = { get key() { process.kill(process.pid, 'SIGKILL'); } };
  worker.commit({ isCleared: false, erased: [], puts, position: Uint8Array.of(2) });
`;

test('of a transaction in whose middle the process was killed nothing is left', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'zeekway-sqlite-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'store.sqlite');
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', KILLED, file], {
    encoding: 'utf8',
  });
  t.is(child.signal, 'SIGKILL', child.stderr);
  const backend = new SqliteBackend(file);
  t.teardown(() => backend.close());
  const { entries, position } = await contentOf(backend);
  t.deepEqual(position, Uint8Array.of(1));
  t.is(entries.length, 3_000);
  t.is(entries.filter((entry) => JSON.stringify(entry).includes('bbb')).length, 0);
});
