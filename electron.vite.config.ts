/**
 * Builds the desktop app into out/: one file for each source file of the programs, so that a program finds another one
 * by the same relative path in source and when built; the preload as one CommonJS file; the page.
 */
import { globSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'electron-vite';

const root = import.meta.dirname;

/** Everything that is started as a file of its own: the programs, and the workers and children they start. */
const programs = globSync(['src-main/cli.ts', 'src-main/**/main.ts', 'src-main/**/*-main.ts'], { cwd: root });

const named = (paths: readonly string[]): Record<string, string> =>
  Object.fromEntries(paths.map((path) => [relative('src-main', path).replace(/\.ts$/, ''), resolve(root, path)]));

export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      externalizeDeps: true,
      rolldownOptions: {
        input: named(programs),
        output: { format: 'es', preserveModules: true, preserveModulesRoot: 'src-main', entryFileNames: '[name].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      externalizeDeps: false,
      rolldownOptions: {
        input: { preload: resolve(root, 'src-main/electron/preload.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'src-renderer',
    plugins: [svelte({ configFile: resolve(root, 'svelte.config.js') })],
    build: {
      outDir: 'out/renderer',
      // The policy of the page allows no connection; what is preloaded by fetch would be refused.
      modulePreload: { polyfill: false },
      // Fonts and images stay files: the policy knows no data: but for images.
      assetsInlineLimit: 0,
      rolldownOptions: { input: resolve(root, 'src-renderer/index.html') },
    },
  },
});
