import { defineConfig } from 'vite';

/** The page: what `page/` is built into, and the gateway serves (src/http/page.ts). */
export default defineConfig({
  root: 'page',
  base: '/',
  publicDir: false,
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
