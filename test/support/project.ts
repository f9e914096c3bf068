import { fileURLToPath } from 'node:url';

/** A file of the checkout, by its path from the top. */
export const projectFile = (path: string): string =>
  fileURLToPath(new URL(path, import.meta.resolve('#package.json')));
