/**
 * Builds the dashboard into `dist/dashboard/`: one page, one script, one style sheet, no request to
 * anywhere else.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = fileURLToPath(new URL('.', import.meta.url));

export default defineConfig({
  root: here,
  // Relative addresses, so that the page also works below a path of a reverse proxy.
  base: './',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: fileURLToPath(new URL('../../dist/dashboard', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    // The browsers that know light-dark(), which is what the colours are made of.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // Inlined data: addresses and the preload helper would need a laxer content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
