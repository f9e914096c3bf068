import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { projectFile } from '../support/project.js';

const text = readFileSync(projectFile('docs/interop.md'), 'utf8');
const targets = new Map([...text.matchAll(/^\[([^\]]+)\]: (\S+)$/gm)].map(([, name, to]) => [name, to]));

test('each cell of docs/interop.md names a test that is there', (t) => {
  const cells = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((line) => [...line.matchAll(/\[([^\]]+)\](?:\[([^\]]+)\])?(?!\()/g)])
    .map(([, words, name]) => name ?? words);
  t.true(cells.length > 40);
  t.deepEqual(
    cells.filter((name) => !targets.has(name)),
    [],
  );
  t.deepEqual(
    [...targets.keys()].filter((name) => !cells.includes(name)),
    [],
  );
});

test('the links of docs/interop.md lead somewhere', (t) => {
  const links = [...text.matchAll(/\]\(([^)]*)\)/g)].map(([, to]) => to);
  const missing = [...targets.values(), ...links].filter((to) => !existsSync(projectFile(`docs/${to}`)));
  t.deepEqual(missing, []);
});
