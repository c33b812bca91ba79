/** Runs a check inside Electron's runtime: bundled for its older Node, with packages left where they are. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import { z } from 'zod';
import { ground } from '../e2e/harness/ground.ts';

const Told = z.object({ electron: z.string(), node: z.string(), wrong: z.array(z.string()) });
export type Told = z.output<typeof Told>;

const checkout = resolve(import.meta.dirname, '../..');

export interface ElectronNode {
  readonly version: string;
  check(name: string): Promise<Told>;
  remove(): void;
}

/** @param names of the files in `inside/` */
export async function electronNode(names: readonly string[]): Promise<ElectronNode> {
  const { electron } = ground();
  const folder = mkdtempSync(join(tmpdir(), 'benchline-runtime-'));
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  await build({
    configFile: false,
    logLevel: 'error',
    root: checkout,
    build: {
      ssr: true,
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      rolldownOptions: {
        input: Object.fromEntries(names.map((name) => [name, join(import.meta.dirname, 'inside', `${name}.ts`)])),
        output: { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  });
  const env = {
    ...process.env,
    ELECTRON_RUN_AS_NODE: '1',
    ...(electron.sqliteBinding === undefined ? {} : { BENCHLINE_SQLITE_BINDING: electron.sqliteBinding }),
  };
  return {
    version: electron.version,
    check: (name) =>
      new Promise((done, fail) => {
        execFile(electron.binary, [join(folder, `${name}.mjs`)], { env, timeout: 120_000 }, (error, stdout, stderr) => {
          if (error === null) done(Told.parse(JSON.parse(stdout)));
          else fail(new Error(`${name} did not end well inside Electron: ${stderr}`, { cause: error }));
        });
      }),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
