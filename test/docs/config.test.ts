import { readFileSync } from 'node:fs';
import test from 'ava';
import { configDoc } from '../support/config-doc.js';
import { projectFile } from '../support/project.js';

test('docs/operations.md has the table of the keys', (t) => {
  const text = readFileSync(projectFile('docs/operations.md'), 'utf8');
  const table = /\| key \| option \|[\s\S]*?\n(?!\|)/.exec(text)?.[0];
  t.is(table, configDoc());
});
