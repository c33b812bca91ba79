/** A small project that shares the real configuration files, for faults to be planted into. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const checkout = resolve(import.meta.dirname, '../..');

const shared = [
  '.dependency-cruiser.cjs',
  '.prettierignore',
  '.prettierrc.json',
  'eslint.config.js',
  'knip.json',
  'scripts/layers.mjs',
  'scripts/types.mjs',
  'src-main/pure-globals.d.ts',
  'src-main/tsconfig.pure.json',
  'src-renderer/tsconfig.json',
  'svelte.config.js',
  'test/renderer/vitest.config.ts',
  'test/setup.ts',
  'test/seed.ts',
  'test/tsconfig.json',
  'tsconfig.json',
  'vitest.config.ts',
];

export interface Fixture {
  readonly folder: string;
  /** Adds the files of a plant. */
  plant(name: string): void;
  write(path: string, text: string): void;
  /** Runs a tool of node_modules, or a script of ours. */
  run(tool: string, ...args: string[]): Promise<ToolRun>;
  read(path: string): string;
  remove(): void;
}

export interface ToolRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function makeFixture(): Fixture {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-gates-'));
  for (const path of shared) cpSync(join(checkout, path), join(folder, path));
  const modules = join(checkout, 'node_modules');
  mkdirSync(join(folder, 'node_modules'));
  for (const name of readdirSync(modules)) {
    if (name !== '.cache') symlinkSync(join(modules, name), join(folder, 'node_modules', name));
  }
  const write = (path: string, text: string): void => {
    const [top, name = ''] = path.split('/');
    // The packages are links to the checkout's own: what is written here would be written there.
    if (top === 'node_modules' && existsSync(join(modules, name))) throw new Error(`${name} is an installed package`);
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const plant = (name: string): void => {
    const from = join(import.meta.dirname, 'plants', name);
    cpSync(from, folder, { recursive: true, filter: (path) => !path.endsWith('plant.json') });
  };
  write('package.json', aboutFixture());
  plant('clean');
  return {
    folder,
    plant,
    write,
    run: (tool, ...args) => runTool(folder, tool.endsWith('.mjs') ? tool : join(modules, '.bin', tool), args),
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// What the shared configuration files themselves ask for: everything else would be reported as unused here.
const asked = [
  '@eslint/js',
  '@sveltejs/vite-plugin-svelte',
  '@types/node',
  '@vitest/browser-playwright',
  '@vitest/eslint-plugin',
  'eslint',
  'eslint-plugin-svelte',
  'fast-check',
  'globals',
  'knip',
  'playwright',
  'prettier',
  'prettier-plugin-svelte',
  'svelte',
  'typescript',
  'typescript-eslint',
  'vite',
  'vitest',
];

function aboutFixture(): string {
  const about = {
    name: 'benchline-fixture',
    private: true,
    type: 'module',
    scripts: {
      lint: 'eslint .',
      format: 'prettier --write .',
      types: 'node scripts/types.mjs',
      layers: 'node scripts/layers.mjs',
      knip: 'knip',
    },
    devDependencies: Object.fromEntries(asked.map((name) => [name, '*'])),
  };
  return `${JSON.stringify(about, undefined, 2)}\n`;
}

// The longest report, lint's over all plants, is below 1 MB.
const maxBuffer = 16_000_000;

function runTool(cwd: string, tool: string, args: readonly string[]): Promise<ToolRun> {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', CI: '1' };
  return new Promise((done) => {
    execFile(process.execPath, [tool, ...args], { cwd, env, maxBuffer }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ code, stdout, stderr });
    });
  });
}
