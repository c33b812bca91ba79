#!/usr/bin/env node
/** `benchline VERB ...`: starts the programs and asks them; it imports none of them. */
import { profileVerb } from './cli/profile.ts';
import { programVerb } from './cli/programs.ts';
import { reportVerb } from './cli/report.ts';
import { serviceVerb } from './cli/service.ts';
import { slotsVerb } from './cli/slots.ts';
import { startVerb } from './cli/start.ts';
import { cliFault, exitCodes, failWith, type Output, type Verb } from './cli/verb.ts';
import { verifyVerb } from './cli/verify.ts';

const verbs: readonly Verb[] = [
  startVerb,
  serviceVerb,
  reportVerb,
  verifyVerb,
  slotsVerb,
  profileVerb,
  programVerb('station', 'the bench program without a window'),
  programVerb('hub', 'virtual IoT hubs alone'),
  programVerb('agent', 'one virtual device, or a real board'),
];

const output: Output = {
  say: (text) => void process.stdout.write(`${text}\n`),
  warn: (text) => void process.stderr.write(`${text}\n`),
  json: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
};

function listOfVerbs(): string {
  const width = Math.max(...verbs.map(({ name }) => name.length));
  const lines = verbs.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return ['benchline VERB [options]', '', ...lines, '', 'benchline VERB --help says more.'].join('\n');
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === 'help') {
    output.say(listOfVerbs());
    return name === undefined ? exitCodes.usage : exitCodes.done;
  }
  const verb = verbs.find((known) => known.name === name);
  return verb === undefined ? failWith(cliFault('verb-unknown', { verb: name }), output) : verb.run(rest, output);
}

process.exitCode = await main(process.argv.slice(2));
