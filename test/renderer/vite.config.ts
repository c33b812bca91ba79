/** Builds or serves the window on the fixture station. The policy is left out while serving: Vite styles by script then. */
import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const root = resolve(import.meta.dirname, '../..');

export default defineConfig(({ command }) => ({
  root: import.meta.dirname,
  plugins: [
    svelte({ configFile: resolve(root, 'svelte.config.js') }),
    {
      name: 'policy-when-built',
      transformIndexHtml: (html: string) => (command === 'serve' ? html.replace(/<meta\s+http-equiv[^>]+>/, '') : html),
    },
  ],
  server: { fs: { allow: [root] } },
  build: {
    outDir: resolve(root, 'out/fixture'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
}));
