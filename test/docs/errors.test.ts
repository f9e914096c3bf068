import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { ERROR_CATALOGUE } from '../../src/core/errors.js';
import { errorsDoc } from '../support/errors-doc.js';
import { projectFile } from '../support/project.js';

test('docs/errors.md lists what the catalogue has', (t) => {
  t.is(readFileSync(projectFile('docs/errors.md'), 'utf8'), errorsDoc());
});

test('each code of the catalogue is raised somewhere', (t) => {
  const sources = readdirSync(projectFile('src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('core/errors.ts'))
    .map((file) => readFileSync(projectFile(`src/${file}`), 'utf8'))
    .join();
  t.deepEqual(
    Object.keys(ERROR_CATALOGUE).filter((code) => !sources.includes(`'${code}'`)),
    [],
  );
});
