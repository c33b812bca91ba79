/** `npm run bench [-- NAME...] [--json FILE]`: runs the named benchmarks, or all, one after the other. */
import { writeFileSync } from 'node:fs';
import { must } from '../../src-main/lib/base/result.ts';
import { claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { askedWords } from '../words.ts';
import { bench } from './bench.bench.ts';
import { mainJob } from './main-job.bench.ts';
import { memory } from './memory.bench.ts';
import { outbox } from './outbox.bench.ts';
import { groundFacts, measure, type Outcome, ratioOf, table } from './runner.ts';
import { service } from './service.bench.ts';
import { start } from './start.bench.ts';
import { store } from './store.bench.ts';

const benchmarks = [mainJob, bench, start, memory, store, outbox, service];

const usage = [
  'npm run bench [-- NAME...] [--json FILE]',
  '',
  'Runs the named benchmarks, or all, one after the other: each against a reference in the same run.',
  ...benchmarks.map((one) => `  ${one.name}`),
  '',
  '  --json FILE   writes what was measured as JSON',
  '',
  'docs/benchmarks.md says what each measures.',
].join('\n');

async function main(): Promise<number> {
  const asked = askedWords({ json: { type: 'string' } }, usage);
  if (asked.is === 'answered') return asked.code;
  const { values, positionals } = asked;
  const unknown = positionals.find((name) => !benchmarks.some((one) => one.name === name));
  if (unknown !== undefined) {
    const names = benchmarks.map((one) => one.name).join(', ');
    process.stderr.write(`There is no benchmark ${unknown}. There are: ${names}.\n`);
    return 2;
  }
  const ground = groundFacts();
  for (const [name, fact] of Object.entries(ground)) process.stdout.write(`${name.padEnd(12)} ${fact}\n`);
  const block = must(claimLoopbackBlock());
  const outcomes: Outcome[] = [];
  for (const benchmark of benchmarks.filter((one) => positionals.length === 0 || positionals.includes(one.name))) {
    const outcome = await measure(
      benchmark,
      block,
      (line) => void process.stderr.write(`${benchmark.name}: ${line}\n`),
    );
    process.stdout.write(`${table(outcome)}\n`);
    outcomes.push(outcome);
  }
  block.release();
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ ground, benchmarks: asData(outcomes) }, null, 2)}\n`);
  return outcomes.every((outcome) => outcome.notMeasured === undefined) ? 0 : 1;
}

function asData(outcomes: readonly Outcome[]) {
  return outcomes.map((outcome) => ({
    ...outcome,
    figures: outcome.figures.map((figure) => ({ ...figure, ratio: ratioOf(figure) })),
  }));
}

// What a library may still hold must not keep the program.
process.exit(await main());
