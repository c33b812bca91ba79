// `npm test`: every gate and every suite, cheapest first, each run to its end; `--check` leaves out what takes long.
// Its last line is "N passed, N failed": a static gate counts as one, a suite with its tests.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuild } from './setup/build.mjs';
import { setUp } from './setup/index.mjs';
import { modules, nodePath, root } from './setup/places.mjs';
import { SetupStop, say } from './setup/say.mjs';

const quick = process.env.npm_lifecycle_event === 'check' || process.argv.includes('--check');
const results = join(root, 'test-results');

// The slowest suite takes some minutes on two cores; a step that takes this long hangs.
const maxStepMs = 25 * 60_000;

const tool = (name, ...args) => [join(modules, '.bin', name), ...args];

const gates = {
  format: tool('prettier', '--check', '.'),
  lint: tool('eslint', '--max-warnings=0', '.'),
  types: ['scripts/types.mjs'],
  layers: ['scripts/layers.mjs'],
  knip: tool('knip'),
};

const suites = quick
  ? { unit: ['unit'], gates: ['gates'] }
  : {
      unit: ['unit'],
      renderer: ['renderer'],
      exams: ['exams'],
      flows: ['flows'],
      rules: ['rules'],
      gates: ['gates'],
      runtime: ['runtime'],
    };

const counts = [];

/** Runs one step to its end; what it prints is shown as it comes. */
function runStep(args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(nodePath(), args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
    const timer = setTimeout(() => void child.kill('SIGKILL'), maxStepMs);
    child.on('error', () => resolve(false));
    child.on('exit', (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}

async function step(name, work) {
  say(`\n== ${name}`);
  const begun = Date.now();
  const count = await work();
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  counts.push({ name, seconds, ...count });
  say(`== ${name}: ${count.passed} passed, ${count.failed} failed (${seconds} s)`);
}

const gate = (args) => async () => ((await runStep(args)) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });

/** What ended badly without a failed test (a suite that does not load, a crash) counts as one failure. */
function settled(ok, passed, failed, skipped = []) {
  return { passed, failed: ok ? failed : Math.max(1, failed), skipped };
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

const vitest = (name, projects) => async () => {
  const file = join(results, `${name}.json`);
  const ok = await runStep(
    tool(
      'vitest',
      'run',
      ...projects.map((project) => `--project=${project}`),
      '--passWithNoTests',
      // By itself it keeps one of two cores free; most of these tests wait for a device, a program or a disk.
      '--maxWorkers=2',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ),
    { NO_COLOR: '1' },
  );
  const report = readReport(file);
  if (report === undefined) return settled(false, 0, 1);
  const unread = report.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0);
  const skipped = report.testResults
    .flatMap((suite) => suite.assertionResults)
    .filter((test) => ['skipped', 'pending', 'todo', 'disabled'].includes(test.status))
    .map((test) => test.fullName);
  return settled(ok, report.numPassedTests, report.numFailedTests + unread.length, skipped);
};

/** One line for each survival table: the cells that ran, of those that it has. */
function sayCells() {
  const folder = join(results, 'cells');
  const files = existsSync(folder) ? readdirSync(folder) : [];
  for (const file of files.toSorted()) {
    const cells = readReport(join(folder, file));
    if (cells !== undefined) say(`${cells.table}: ${cells.run} of ${cells.expected} cells`);
  }
}

/** How many rules of the wire document have a test that fails when the rule is broken. */
function sayRules() {
  const rules = readReport(join(results, 'rules-caught.json'));
  if (rules !== undefined) say(`rules: ${rules.caught} of ${rules.of} have a test and a mutant that it catches`);
}

async function endToEnd() {
  const file = join(results, 'e2e.json');
  const ok = await runStep(tool('playwright', 'test', '--reporter=list,json'), {
    PLAYWRIGHT_JSON_OUTPUT_FILE: file,
    NO_COLOR: '1',
  });
  const stats = readReport(file)?.stats;
  if (stats === undefined) return settled(false, 0, 1);
  const skipped = stats.skipped > 0 ? [`${stats.skipped} end-to-end tests did not run`] : [];
  return settled(ok && stats.skipped === 0, stats.expected, stats.unexpected + stats.flaky, skipped);
}

async function build() {
  try {
    await ensureBuild();
    return { passed: 1, failed: 0 };
  } catch (error) {
    if (!(error instanceof SetupStop)) throw error;
    say(error.message);
    return { passed: 0, failed: 1 };
  }
}

async function all() {
  const { electron } = await setUp(quick ? 'headless' : 'tests');
  if (electron !== undefined) say(`Electron ${electron.version} (${electron.kind})`);
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  for (const [name, args] of Object.entries(gates)) await step(name, gate(args));
  if (!quick) await step('build', build);
  for (const [name, projects] of Object.entries(suites)) {
    await step(name, vitest(name, projects));
    if (name === 'flows') sayCells();
    if (name === 'gates') sayRules();
  }
  if (!quick) await step('e2e', endToEnd);
}

function sumUp() {
  say('');
  for (const { name, passed, failed, seconds, skipped = [] } of counts) {
    say(`${failed === 0 ? 'ok    ' : 'FAILED'} ${name}: ${passed} passed, ${failed} failed (${seconds} s)`);
    for (const test of skipped) say(`       did not run: ${test}`);
  }
  const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`);
}

const page = `npm test            every gate and every suite, as CI runs them: some twenty minutes on two cores
npm run check       the static gates, the unit tests and the planted faults: some five minutes

  gates   ${Object.keys(gates).join(', ')}
  suites  ${Object.keys(suites).join(', ')}${quick ? '' : ', e2e'}

One test file:  npx vitest run --project=SUITE FILE
The last line tells how many passed and failed; the exit code is 0 when none failed.
`;

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(page);
  process.exit(0);
}

try {
  await all();
} catch (error) {
  if (!(error instanceof SetupStop)) throw error;
  say(error.message);
  counts.push({ name: 'set-up', passed: 0, failed: 1, seconds: 0 });
}
sumUp();
