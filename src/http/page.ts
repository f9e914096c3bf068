import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ZeekwayError } from '../core/errors.js';
import { contentPolicy } from './content-policy.js';
import type { App } from './context.js';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

interface PageFile {
  readonly type: string;
  readonly bytes: Buffer;
}

/**
 * The page at `/`: the few files that `npm run build` made of page/. They are read once, so that no request ever names a
 * file, and need no token: there is nothing in them. Where there are none (a build without the page) the rest of the API is there all the same.
 */
export function pageRoutes(app: App): void {
  const index = fileURLToPath(import.meta.resolve('#page/index.html'));
  const bytes = readOrNone(index);
  const assets = filesOf(join(dirname(index), 'assets'));
  const icon = [...assets].find(([name]) => name.startsWith('icon-'))?.[1];
  app.get('/', { config: { scope: 'open' }, schema: { hide: true } }, async (_request, reply) => {
    if (!bytes) throw new ZeekwayError('not_found', 'the page is not built: npm run build');
    return reply
      .type(TYPES['html'] as string)
      .header('content-security-policy', contentPolicy())
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-cache')
      .send(bytes);
  });
  // Browsers ask for it where a page names none: of an answer in JSON, as of an error.
  app.get('/favicon.ico', { config: { scope: 'open' }, schema: { hide: true } }, async (_request, reply) => {
    if (!icon) throw new ZeekwayError('not_found', 'the page is not built: npm run build');
    return reply.type(icon.type).header('cache-control', 'public, max-age=86400').send(icon.bytes);
  });
  app.get<{ Params: { file: string } }>(
    '/assets/:file',
    { config: { scope: 'open' }, schema: { hide: true } },
    async (request, reply) => {
      const file = assets.get(request.params.file);
      if (!file) throw new ZeekwayError('not_found', `the page has no file "${request.params.file}"`);
      return (
        reply
          .type(file.type)
          // Another content is another name.
          .header('cache-control', 'public, max-age=31536000, immutable')
          .send(file.bytes)
      );
    },
  );
}

function filesOf(folder: string): Map<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of namesIn(folder)) {
    const type = TYPES[name.split('.').at(-1) ?? ''];
    if (type !== undefined) files.set(name, { type, bytes: readFileSync(join(folder, name)) });
  }
  return files;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    return orThrow(error, []);
  }
}

function readOrNone(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    return orThrow(error, undefined);
  }
}

/** `none` for what is not there. */
function orThrow<T>(error: unknown, none: T): T {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return none;
  throw error;
}
