import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ZeekwayError } from '../core/errors.js';
import { contentPolicy } from './content-policy.js';
import type { App } from './context.js';
import { orThrow, StaticFile } from './static-file.js';

/**
 * The page at `/`: the few files that `npm run build` made of page/. They are read once, so that no request ever names a
 * file, and need no token: there is nothing in them. Where there are none (a build without the page) the rest of the API is there all the same.
 */
export function pageRoutes(app: App): void {
  const path = fileURLToPath(import.meta.resolve('#page/index.html'));
  const index = StaticFile.read(path);
  const assets = filesOf(join(dirname(path), 'assets'));
  const icon = [...assets].find(([name]) => name.startsWith('icon-'))?.[1];
  const open = { config: { scope: 'open' }, schema: { hide: true } } as const;
  app.get('/', open, async (request, reply) => {
    if (!index) throw new ZeekwayError('not_found', 'the page is not built: npm run build');
    reply
      .header('content-security-policy', contentPolicy())
      .header('referrer-policy', 'no-referrer')
      .header('cache-control', 'no-cache');
    return index.send(request, reply);
  });
  // Browsers ask for it where a page names none: of an answer in JSON, as of an error.
  app.get('/favicon.ico', open, async (request, reply) => {
    if (!icon) throw new ZeekwayError('not_found', 'the page is not built: npm run build');
    return icon.send(request, reply.header('cache-control', 'public, max-age=86400'));
  });
  app.get<{ Params: { file: string } }>('/assets/:file', open, async (request, reply) => {
    const file = assets.get(request.params.file);
    if (!file) throw new ZeekwayError('not_found', `the page has no file "${request.params.file}"`);
    // Another content is another name.
    return file.send(request, reply.header('cache-control', 'public, max-age=31536000, immutable'));
  });
}

function filesOf(folder: string): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const name of namesIn(folder)) {
    const file = StaticFile.read(join(folder, name));
    if (file) files.set(name, file);
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
