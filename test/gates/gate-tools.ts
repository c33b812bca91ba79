/** Runs each gate on a fixture as `npm test` does, and reads from its report what it refused, and why. */
import { relative } from 'node:path';
import type { Fixture } from './fixture.ts';

export interface Findings {
  /** Of the process: 0 is a pass. */
  readonly code: number;
  /** The rules, codes or messages for each file. */
  readonly at: Map<string, readonly string[]>;
}

function findings(code: number, found: readonly (readonly [file: string, reason: string])[]): Findings {
  const at = new Map<string, readonly string[]>();
  for (const [file, reason] of found) at.set(file, [...(at.get(file) ?? []), reason]);
  return { code, at };
}

interface LintReport {
  readonly filePath: string;
  readonly messages: readonly { readonly ruleId: string | null; readonly message: string }[];
}

async function eslint(fixture: Fixture): Promise<Findings> {
  const { code, stdout } = await fixture.run('eslint', '--max-warnings=0', '--format=json', '.');
  const reports = JSON.parse(stdout) as LintReport[];
  const found = reports.flatMap(({ filePath, messages }) =>
    messages.map(({ ruleId, message }) => {
      const reason = ruleId ?? (message.startsWith('Unused eslint-disable') ? 'unused-disable' : message);
      return [relative(fixture.folder, filePath), reason] as const;
    }),
  );
  return findings(code, found);
}

/** As scripts/types.mjs: three compilations and the check of the markup. */
async function types(fixture: Fixture): Promise<Findings> {
  const { code, stdout } = await fixture.run('scripts/types.mjs');
  const compiled = [...stdout.matchAll(/^(\S+?)\(\d+,\d+\): error (TS\d+)/gm)].map(
    ([, file = '', reason = '']) => [file, reason] as const,
  );
  const inMarkup = [...stdout.matchAll(/^(\S+):\d+:\d+\n(.*(?:\n(?!\S+:\d+:\d+$).*)*)/gm)].map(
    ([, file = '', reason = '']) => [relative(fixture.folder, file), reason] as const,
  );
  return findings(code, [...compiled, ...inMarkup]);
}

async function prettier(fixture: Fixture): Promise<Findings> {
  const { code, stderr } = await fixture.run('prettier', '--check', '.');
  const found = [...stderr.matchAll(/^\[warn\] (\S+\.\w+)$/gm)].map(([, file = '']) => [file, 'unformatted'] as const);
  return findings(code, found);
}

interface KnipIssue {
  readonly file: string;
  readonly [kind: string]: readonly unknown[] | string;
}

async function knip(fixture: Fixture): Promise<Findings> {
  const run = await fixture.run('knip', '--reporter=json');
  const report = JSON.parse(run.stdout) as { readonly issues: readonly KnipIssue[] };
  const found = report.issues.flatMap((issue) =>
    Object.entries(issue)
      .filter(([, list]) => Array.isArray(list) && list.length > 0)
      .map(([kind]) => [issue.file, kind] as const),
  );
  return findings(run.code, found);
}

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly failureMessages: readonly string[] }[];
  }[];
}

async function vitest(fixture: Fixture): Promise<Findings> {
  const run = await fixture.run(
    'vitest',
    'run',
    '--project=unit',
    '--reporter=default',
    '--reporter=json',
    '--outputFile.json=report.json',
  );
  const report = JSON.parse(fixture.read('report.json')) as TestReport;
  const found = report.testResults.flatMap((suite) =>
    suite.assertionResults
      .filter((test) => test.status === 'failed')
      .flatMap((test) => test.failureMessages)
      .map((reason) => [relative(fixture.folder, suite.name), reason] as const),
  );
  const unseen = `${run.stdout}\n${run.stderr}`.matchAll(/Unhandled Rejection[\s\S]*?originated in "(\S+)"/g);
  return findings(run.code, [...found, ...[...unseen].map(([, file = '']) => [file, 'Unhandled Rejection'] as const)]);
}

export const gateTools = { eslint, types, prettier, knip, vitest } as const;
