import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The version in package.json. */
export const VERSION: string = JSON.parse(
  readFileSync(fileURLToPath(import.meta.resolve('#package.json')), 'utf8'),
).version;
