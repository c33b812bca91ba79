/** `benchline start --headless`: the main job on the embedded default, without a window. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../lib/base/fault.ts';
import { systemClock } from '../lib/base/host.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { systemCodeOf } from '../lib/files/durable-file.ts';
import { counted, type HeadlessResult, isComplete, runHeadless } from './headless.ts';
import { ipAddress, orList, parseOptions, wholeNumber } from './options.ts';
import { programFile } from './program-file.ts';
import { tryResultFile, writeResultFile } from './result-file.ts';
import { startStation } from './station-client.ts';
import { type Output, type Verb, cliFault, exitCodes, failWith } from './verb.ts';

const usage = `benchline start [--data DIR]
benchline start --headless [--units N] [--attestation tpm|x509|mixed] [--tpm swtpm|software] [--hubs N]
                           [--retry-after SECONDS] [--listen ADDRESS] [--json FILE] [--data DIR] [--verbose]

Starts the embedded service with its virtual hubs, a virtual bench and the station.
Without --headless a window opens and everything is kept in the data folder.
With --headless every virtual unit is provisioned, the result is printed, and the exit code tells whether all of it went
well; without --data a throw-away folder is used.
  --units N          virtual units on the bench, 1 to 16 (4)
  --attestation      what they prove themselves with (mixed)
  --tpm              what stands in for their TPM (swtpm where it is installed)
  --json FILE        writes the result as JSON
  --verbose          prints the logs of all programs

The window's station takes the options of benchline station too (its --help tells them all), among them:
  --slot N=usb:PLACE | N=serial:PATH | N=tcp:HOST:PORT
                                           a real unit's port, for each slot (1 to 16)
  --connection-string-file FILE            the connection string of a provisioning service of your own, with
  --id-scope ID --endpoint HOST[:PORT]     what units are told of it
  --hub-connection-string-file FILE        hubs to look for devices in, one connection string a line`;

const names = ['units', 'attestation', 'tpm', 'json', 'data', 'hubs', 'retry-after', 'listen'] as const;
type Name = (typeof names)[number];

export const startVerb: Verb = {
  name: 'start',
  summary: 'the main job: embedded service, virtual bench and station',
  usage,
  run: start,
};

interface StartOptions {
  readonly units: number;
  readonly tpm: 'swtpm' | 'software';
  readonly data: string | undefined;
  readonly jsonFile: string | undefined;
  readonly isVerbose: boolean;
  readonly passedOn: readonly string[];
}

async function start(args: readonly string[], output: Output): Promise<number> {
  const parsed = parseOptions<Name>(args, names, ['help', 'headless', 'verbose']);
  if (!parsed.ok) return failWith(parsed.fault, output);
  if (parsed.value.flags.has('help')) {
    output.say(usage);
    return exitCodes.done;
  }
  const [word] = parsed.value.words;
  if (word !== undefined) {
    return failWith(cliFault('option-unknown', { reason: `The word ${word} belongs to no option.` }), output);
  }
  // The window is opened by scripts/run.mjs, which knows where Electron lies.
  if (!parsed.value.flags.has('headless')) {
    const wanted = '--headless, or be started by: npm start';
    return failWith(cliFault('option-wrong', { option: 'start', value: 'without a window', wanted }), output);
  }
  const options = checked(parsed.value.values, parsed.value.flags);
  return options.ok ? withFolder(options.value, output) : failWith(options.fault, output);
}

function checked(values: Readonly<Partial<Record<Name, string>>>, flags: ReadonlySet<string>): Result<StartOptions> {
  const numbers = numbersOf(values);
  if (!numbers.ok) return numbers;
  const { units, hubs, pause } = numbers.value;
  const listen = ipAddress('listen', values.listen);
  if (!listen.ok) return listen;
  const attestation = oneOf('attestation', values.attestation ?? 'mixed', ['tpm', 'x509', 'mixed'] as const);
  if (!attestation.ok) return attestation;
  const tpm = oneOf('tpm', values.tpm ?? installedTpm(), ['swtpm', 'software'] as const);
  if (!tpm.ok) return tpm;
  return ok({
    units,
    tpm: tpm.value,
    data: values.data,
    jsonFile: values.json,
    isVerbose: flags.has('verbose'),
    passedOn: [
      ...['--virtual-units', String(units), '--attestation', attestation.value, '--tpm', tpm.value],
      ...['--hubs', String(hubs), '--retry-after', String(pause)],
      ...(listen.value === undefined ? [] : ['--listen', listen.value]),
    ],
  });
}

function numbersOf(values: Readonly<Partial<Record<Name, string>>>) {
  const units = wholeNumber('units', values.units, { from: 1, to: 16 });
  if (!units.ok) return units;
  const hubs = wholeNumber('hubs', values.hubs, { from: 1, to: 16 });
  if (!hubs.ok) return hubs;
  const pause = wholeNumber('retry-after', values['retry-after'], { from: 1, to: 300 });
  if (!pause.ok) return pause;
  return ok({ units: units.value ?? 4, hubs: hubs.value ?? 2, pause: pause.value ?? 1 });
}

function oneOf<const Choice extends string>(option: string, value: string, choices: readonly Choice[]): Result<Choice> {
  const choice = choices.find((one) => one === value);
  if (choice !== undefined) return ok(choice);
  return failed(cliFault('option-wrong', { option: `--${option}`, value, wanted: orList(choices) }));
}

/** swtpm where it is installed; asked for by name it is never replaced in silence. */
function installedTpm(): 'swtpm' | 'software' {
  return spawnSync('swtpm', ['--version'], { stdio: 'ignore' }).status === 0 ? 'swtpm' : 'software';
}

async function withFolder(options: StartOptions, output: Output): Promise<number> {
  const { jsonFile } = options;
  const writable = jsonFile === undefined ? ok() : await tryResultFile(jsonFile);
  if (!writable.ok) return failWith(writable.fault, output);
  const folder = options.data === undefined ? await throwAwayFolder() : ok(options.data);
  if (!folder.ok) return failWith(folder.fault, output);
  const data = folder.value;
  const stop = { isAsked: false };
  const result = await job(options, data, output, stop);
  if (!result.ok) return stop.isAsked ? stopped(options, data, output) : broken(options, data, result.fault, output);
  report(result.value, output);
  const written = jsonFile === undefined ? ok() : await writeResultFile(jsonFile, result.value);
  const isDone = isComplete(result.value);
  if (options.data === undefined && isDone) await rm(data, { recursive: true, force: true });
  else output.say(`Data folder: ${data}`);
  if (!written.ok) return failWith(written.fault, output);
  return isDone ? exitCodes.done : exitCodes.failed;
}

async function stopped({ data: named }: StartOptions, folder: string, output: Output): Promise<number> {
  output.warn('Stopped before the job was done.');
  if (named === undefined) await rm(folder, { recursive: true, force: true });
  return exitCodes.failed;
}

function broken({ data: named }: StartOptions, folder: string, fault: Fault, output: Output): number {
  const code = failWith(fault, output);
  if (named === undefined) output.warn(`What was done so far is kept in ${folder}.`);
  return code;
}

async function throwAwayFolder(): Promise<Result<string>> {
  try {
    return ok(await mkdtemp(join(tmpdir(), 'benchline-')));
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === undefined) throw error;
    return failed(cliFault('data-folder-unusable', { folder: tmpdir(), reason }));
  }
}

/** What a person who stops the job is told of it. */
interface StopRequest {
  isAsked: boolean;
}

async function job(
  options: StartOptions,
  data: string,
  output: Output,
  stop: StopRequest,
): Promise<Result<HeadlessResult>> {
  const lastLines: string[] = [];
  const station = startStation({
    command: process.execPath,
    args: [programFile('station'), '--data', data, ...options.passedOn],
    onLine: (line) => {
      if (options.isVerbose) output.warn(line);
      lastLines.push(line);
      // Enough to see what ended a start that failed.
      if (lastLines.length > 40) lastLines.shift();
    },
  });
  const stopNow = (): void => {
    stop.isAsked = true;
    void station.stop();
  };
  process.once('SIGINT', stopNow);
  process.once('SIGTERM', stopNow);
  const { units, tpm } = options;
  const result = await runHeadless({
    station,
    clock: systemClock,
    units,
    tpm,
    say: (line) => {
      output.say(line);
    },
  });
  await station.stop();
  if (!result.ok && !options.isVerbose) output.warn(lastLines.join('\n'));
  return result;
}

function report(result: HeadlessResult, output: Output): void {
  const hubs = Object.entries(result.assigned).map(([hub, count]) => `${hub}: ${count}`);
  output.say('');
  output.say(
    `${counted(result.units, 'unit')}: ${result.passed} passed, ${result.failed} failed; ${result.enrolled} enrolled, ` +
      `${result.registered} registered, ${result.seen} seen in their hubs; ${result.parked} parked, ` +
      `${result.duplicates} duplicates`,
  );
  output.say(`hubs: ${hubs.length === 0 ? 'none' : hubs.join(', ')}; TPM: ${result.tpm}; ${result.seconds} s`);
}
