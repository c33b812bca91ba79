/** The renderer's state classes and screens in a real Chromium, as they run in the window. */
import { resolve } from 'node:path';
import { svelte, vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';

const root = resolve(import.meta.dirname, '../..');
// Debian's package; set BENCHLINE_CHROMIUM where it lies elsewhere. Chromium's sandbox does not run as root.
const executablePath = process.env['BENCHLINE_CHROMIUM'] ?? '/usr/bin/chromium';
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

export default defineConfig({
  root,
  plugins: [
    svelte({
      configFile: false,
      preprocess: vitePreprocess(),
      // As svelte.config.js says for our own files; the test library brings a component of the older kind.
      dynamicCompileOptions: ({ filename }) => (filename.includes('node_modules') ? {} : { runes: true }),
    }),
  ],
  optimizeDeps: { include: ['zod', 'svelte', 'vitest-browser-svelte'] },
  test: {
    name: 'renderer',
    root,
    include: ['src-renderer/**/*.svelte.test.ts'],
    setupFiles: [resolve(root, 'test/setup.ts')],
    testTimeout: 20_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath, args } }),
      instances: [{ browser: 'chromium', viewport: { width: 1280, height: 800 } }],
    },
  },
});
