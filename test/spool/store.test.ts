import test from 'ava';
import { SpoolStore } from '../../src/spool/store.js';
import { spoolFolder } from './support.js';

const SIZE = 1024 * 1024;

test('what was stored is there, and more can be stored, when the thread has been replaced', async (t) => {
  const store = await SpoolStore.open(await spoolFolder(t), SIZE, 10);
  const group = (first: number) => ({ first, end: first + 1, bytes: 8, at: 0 });
  const contentOf = (first: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(8)).fill(first);
  const threads = 5;
  for (let first = 0; first < 2 * threads; first++) {
    await store.apply({
      group: { ...group(first), content: contentOf(first) },
      removed: [],
      state: [{ name: 'last', text: String(first) }],
    });
    const into = new Uint8Array(new SharedArrayBuffer(8));
    t.is(await store.read(group(first), into), 8);
    t.deepEqual(into, contentOf(first));
  }
  // Calls that were begun together are carried out in order, whichever thread does it.
  const buffers = Array.from({ length: 2 * threads }, () => new Uint8Array(new SharedArrayBuffer(8)));
  await Promise.all(buffers.map((into, first) => store.read(group(first), into)));
  t.deepEqual(
    buffers.map(([byte]) => byte),
    buffers.map((_, first) => first),
  );
  await store.close();
});
