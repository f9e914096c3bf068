import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

/** Smaller ones go in one packet as they are. */
const COMPRESSED_BYTES = 1_400;

/** Next to each file what it is compressed: once and as small as it goes, so that the gateway need not do it. */
const compressed = {
  name: 'compressed',
  writeBundle({ dir }, bundle) {
    for (const file of Object.values(bundle)) {
      const bytes = Buffer.from(file.type === 'chunk' ? file.code : file.source);
      if (bytes.length < COMPRESSED_BYTES) continue;
      const path = join(dir, file.fileName);
      const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
      writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
      writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
    }
  },
};

/** The page: what `page/` is built into, and the gateway serves (src/http/page.ts). */
export default defineConfig({
  root: 'page',
  base: '/',
  publicDir: false,
  plugins: [compressed],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../build/page',
    emptyOutDir: true,
    // Those that know light-dark(): the colours are written once.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // The policy of the page lets nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
