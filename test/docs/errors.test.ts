import { readFileSync } from 'node:fs';
import test from 'ava';
import { errorsDoc } from '../support/errors-doc.js';
import { projectFile } from '../support/project.js';

test('docs/errors.md lists what the catalogue has', (t) => {
  t.is(readFileSync(projectFile('docs/errors.md'), 'utf8'), errorsDoc());
});
