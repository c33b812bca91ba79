/** `npm run soak [-- NAME...] [--seed N] [--scale N] [--json FILE]`: the long runs that no change waits for. */
import { writeFileSync } from 'node:fs';
import { systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { askedWords } from '../words.ts';
import { bytecut, bytecutInProcess } from './bytecut.soak.ts';
import { kills } from './kills.soak.ts';
import { parsers } from './parsers.soak.ts';
import { wires } from './wires.soak.ts';
import { runSoak, table, type Soak, type SoakOutcome } from './runner.ts';

const soaks: readonly Soak[] = [parsers, wires, kills, bytecutInProcess, bytecut];

const usage = [
  'npm run soak [-- NAME...] [--seed N] [--scale N] [--json FILE]',
  '',
  'The long runs that no change waits for; the named ones, or all.',
  ...soaks.map((one) => `  ${one.name}`),
  '',
  '  --seed N      draws the same inputs again (a random one is printed)',
  '  --scale N     so many times as long, 0.01 for a look (1)',
  '  --from N      bytecut: begins at this byte of each kind of unit (1)',
  '  --cuts N      bytecut: cuts so many runs of each kind (all: some hours); what is left is told',
  '  --json FILE   writes the counts as JSON',
].join('\n');

function areTerms(terms: Readonly<Record<'seed' | 'scale' | 'from' | 'cuts', number>>): boolean {
  const { seed, scale, from, cuts } = terms;
  return Number.isInteger(seed) && scale > 0 && Number.isInteger(from) && from >= 1 && cuts >= 1;
}

async function main(): Promise<number> {
  const options = {
    seed: { type: 'string' },
    scale: { type: 'string', default: '1' },
    from: { type: 'string', default: '1' },
    cuts: { type: 'string' },
    json: { type: 'string' },
  } as const;
  const asked = askedWords(options, usage);
  if (asked.is === 'answered') return asked.code;
  const { values, positionals } = asked;
  const unknown = positionals.find((name) => !soaks.some((one) => one.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`There is no soak run ${unknown}. There are: ${soaks.map((one) => one.name).join(', ')}.\n`);
    return 2;
  }
  const seed = values.seed === undefined ? Math.floor(systemRandom.fraction() * 2 ** 31) : Number(values.seed);
  const scale = Number(values.scale);
  const [from, cuts] = [Number(values.from), Number(values.cuts ?? Infinity)];
  if (!areTerms({ seed, scale, from, cuts })) {
    process.stderr.write('--seed, --from and --cuts take whole numbers, --scale a number above 0.\n');
    return 2;
  }
  process.stdout.write(`seed ${seed} (the same run again: npm run soak -- --seed ${seed})\n`);
  const block = must(claimLoopbackBlock());
  const outcomes: SoakOutcome[] = [];
  for (const soak of soaks.filter((one) => positionals.length === 0 || positionals.includes(one.name))) {
    const say = (line: string): void => void process.stderr.write(`${soak.name}: ${line}\n`);
    const outcome = await runSoak(soak, { seed, scale, from, cuts, block, say });
    process.stdout.write(`${table(outcome)}\n`);
    outcomes.push(outcome);
  }
  block.release();
  const broken = outcomes.filter((outcome) => outcome.broke !== undefined);
  process.stdout.write(`\n${outcomes.length - broken.length} held, ${broken.length} broke (seed ${seed})\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ seed, scale, outcomes }, null, 2)}\n`);
  return broken.length === 0 ? 0 : 1;
}

// What a library may still hold must not keep the program.
process.exit(await main());
