/** Throw-away copies of the sources in which one line is made wrong, and the tests of one rule are run on them. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RuleMutant } from './rule-mutants.ts';

const checkout = resolve(import.meta.dirname, '../..');

// What the tests of the rules are made of.
const copied = ['src-main', 'test/rules', 'test/flows', 'test/exams', 'test/setup.ts'];

const settings = `import { defineConfig } from 'vitest/config';
export default defineConfig({
  cacheDir: './cache',
  test: { include: ['test/rules/*.test.ts'], setupFiles: ['./test/setup.ts'], testTimeout: 30_000, hookTimeout: 60_000 },
});
`;

export interface TestRun {
  readonly name: string;
  readonly status: string;
  readonly reasons: readonly string[];
}

export interface Lab {
  /** The tests whose names carry the tag; all that carry one when it is left out. */
  run(rule?: number): Promise<readonly TestRun[]>;
  /** Makes the line wrong, runs its rule's tests, makes it right again. */
  tryMutant(mutant: RuleMutant): Promise<readonly TestRun[]>;
  remove(): void;
}

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

export function openLab(): Lab {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-rule-lab-'));
  for (const path of copied) cpSync(join(checkout, path), join(folder, path), { recursive: true });
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'vitest.config.ts'), settings);
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const run = async (rule?: number): Promise<readonly TestRun[]> => {
    const pattern = rule === undefined ? String.raw`\[rule \d+\]` : String.raw`\[rule ${rule}\]`;
    const report = join(folder, 'report.json');
    rmSync(report, { force: true });
    await vitest(folder, ['run', ...filesOf(folder, rule), '-t', pattern, '--reporter=json', `--outputFile=${report}`]);
    return testsOf(JSON.parse(readFileSync(report, 'utf8')) as Report);
  };
  return {
    run,
    async tryMutant(mutant) {
      const file = join(folder, 'src-main', mutant.file);
      const right = readFileSync(file, 'utf8');
      try {
        writeFileSync(file, mutated(right, mutant));
        return await run(mutant.rule);
      } catch (error) {
        return [{ name: 'a mutant that cannot be tried', status: 'failed', reasons: [String(error)] }];
      } finally {
        writeFileSync(file, right);
      }
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Those that name the rule: loading the others would take as long as the tests. */
function filesOf(folder: string, rule: number | undefined): readonly string[] {
  const names = readdirSync(join(folder, 'test/rules')).filter((name) => name.endsWith('.test.ts'));
  const tag = rule === undefined ? '[rule ' : `[rule ${rule}]`;
  const paths = names.map((name) => join('test/rules', name));
  return paths.filter((path) => readFileSync(join(folder, path), 'utf8').includes(tag));
}

function testsOf(report: Report): readonly TestRun[] {
  // a file that does not load has no tests, and a message
  const broken = report.testResults.filter((file) => file.assertionResults.length === 0 && file.message !== '');
  const unloaded = broken.map((file) => ({
    name: 'a file that does not load',
    status: 'failed',
    reasons: [file.message],
  }));
  const tests = report.testResults
    .flatMap((file) => file.assertionResults)
    .filter((test) => ['passed', 'failed'].includes(test.status))
    .map((test) => ({ name: test.fullName, status: test.status, reasons: test.failureMessages }));
  return [...unloaded, ...tests];
}

/** Whether what went wrong is what a test asserts, and neither a slip in loading nor the end of its time. */
export function isCaught(tests: readonly TestRun[]): boolean {
  const red = tests.filter((test) => test.status === 'failed');
  return red.length > 0 && red.every((test) => test.reasons.every((reason) => reason.startsWith('AssertionError')));
}

export function mutated(text: string, mutant: RuleMutant): string {
  const [before, after, ...more] = text.split(mutant.find);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`rule ${mutant.rule}: the text to make wrong is not there exactly once in ${mutant.file}`);
  }
  return before + mutant.replace + after;
}

export function sourceOf(mutant: RuleMutant): string {
  return readFileSync(join(checkout, 'src-main', mutant.file), 'utf8');
}

function vitest(cwd: string, args: readonly string[]): Promise<void> {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', CI: '1' };
  const tool = join(checkout, 'node_modules/.bin/vitest');
  return new Promise((done) => {
    execFile(process.execPath, [tool, ...args], { cwd, env, maxBuffer: 16_000_000 }, () => {
      done();
    });
  });
}
