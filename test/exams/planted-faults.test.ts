/** Units with a planted fault, on real pseudo-terminals in front of a real bench: what the technician gets, never a hang. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunView } from '../../src-main/contract/views.ts';
import { trainingFaults } from '../../src-main/lib/planted/catalogue.ts';
import { type AgentProgram, startAgentProgram, temporaryFolder } from './agent-program.ts';
import { type PlantedBench, openPlantedBench } from './planted-bench.ts';

interface Exam {
  readonly fault: string;
  readonly attestation?: 'tpm';
  /** Of the first run: `pass`, or the code of its fault. */
  readonly gets: string | readonly string[];
  /** Of a second run of the same unit, its fault not taken away; where the first one passed, of that. */
  readonly then?: string;
}

const pulled = ['port-unplugged', 'link-lost'];
// A port that is back within some seconds is the same run's again.
const foundAgain = ['pass', ...pulled];
const dumb = ['link-silent', 'link-garbled'];
const exams: readonly Exam[] = [
  { fault: 'none', attestation: 'tpm', gets: 'pass' },
  // These wait out the 20 s of a greeting: they begin first, and cost nothing meanwhile.
  { fault: 'corrupt=100', gets: dumb },
  { fault: 'delay=7000', gets: dumb },
  { fault: 'wrong-baud', gets: dumb },
  { fault: 'stuck-echo', gets: dumb },
  { fault: 'stuck-silent', gets: dumb },
  { fault: 'duplicate-ek', attestation: 'tpm', gets: 'identity-taken' },
  { fault: 'cut-out=1500', gets: foundAgain, then: 'pass' },
  { fault: 'cut-in=1500', gets: foundAgain, then: 'pass' },
  { fault: 'cut-in=1500', attestation: 'tpm', gets: foundAgain, then: 'pass' },
  { fault: 'port-moves=1500', gets: [...pulled, 'port-missing'], then: 'port-missing' },
  { fault: 'corrupt=20000', gets: 'pass' },
  { fault: 'duplicate=1', gets: 'pass' },
  { fault: 'delay=40', gets: 'pass' },
  { fault: 'reorder=12', gets: 'pass' },
  { fault: 'echo', gets: 'pass' },
  { fault: 'boot-noise', gets: 'pass' },
  { fault: 'tpm-delay=200', attestation: 'tpm', gets: 'pass' },
  { fault: 'reset-on-open=1000', gets: 'pass' },
  { fault: 'csr-signature', gets: 'csr-signature-wrong' },
  { fault: 'certificate-bit', gets: 'link-write-differs' },
];
/** As many at a time as start without keeping each other from answering in time. */
const atOnce = 9;

let folder: string;
let bench: PlantedBench;
const running: AgentProgram[] = [];
const ended = new Map<number, readonly RunView[]>();

const stateOf = (at: number): string => join(folder, `unit-${at}`);
const serialOf = (at: number): string => `SN-${String(at).padStart(4, '0')}`;

async function runExam(at: number): Promise<void> {
  const { fault, attestation = 'x509', then } = exams[at]!;
  const word = fault === 'duplicate-ek' ? `duplicate-ek=${stateOf(0)}` : fault;
  const words = ['--port', `pty:${join(stateOf(at), 'tty')}`, '--attestation', attestation, '--tpm', 'software'];
  const faults = fault === 'none' ? [] : ['--fault', word, '--fault-seed', '7'];
  const agent = await startAgentProgram(stateOf(at), ...words, '--fault', 'no-serial', ...faults);
  running.push(agent);
  const runs = [await bench.run(at + 1, serialOf(at))];
  const isOver = then === undefined || runs[0]?.state === 'pass';
  if (!isOver && then === 'pass') await agent.logged('port-open', 2);
  if (!isOver) runs.push(await bench.run(at + 1, serialOf(at)));
  ended.set(at, runs);
  await agent.end('SIGTERM');
}

beforeAll(async () => {
  folder = temporaryFolder();
  for (const at of exams.keys()) mkdirSync(stateOf(at));
  bench = await openPlantedBench(
    folder,
    [...exams.keys()].map((at) => join(stateOf(at), 'tty')),
  );
  // The unit whose TPM another one copies runs first.
  await runExam(0);
  const waiting = [...exams.keys()].slice(1);
  const work = async (): Promise<void> => {
    for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) await runExam(at);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}, 240_000);

afterAll(async () => {
  await Promise.all(running.map((agent) => agent.end('SIGKILL')));
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});

const outcomeOf = (run: RunView | undefined): string => (run?.state === 'pass' ? 'pass' : (run?.fault?.code ?? 'none'));
const theUnits = ['csr-signature-wrong', 'link-write-differs', 'identity-taken'];

describe('a unit with a planted fault', () => {
  it.each([...exams.entries()])('ends as a technician is told it ends (%#: $fault)', (at, { gets, then }) => {
    const runs = ended.get(at) ?? [];
    expect([gets].flat(), JSON.stringify(runs)).toContain(outcomeOf(runs[0]));
    const [{ state, fault } = {}] = runs;
    if (state !== 'pass') {
      expect(state).toBe(theUnits.includes(fault?.code ?? '') ? 'fail' : 'error');
      expect(fault?.hint).not.toBe('');
    }
    expect(then === undefined ? undefined : outcomeOf(runs.at(-1))).toBe(then);
  });

  it('can have every fault that trainers are offered, but what is swapped outside of it', () => {
    const tried = new Set(exams.map(({ fault }) => fault.split('=')[0]));
    const offered = trainingFaults.map(({ name }) => name).filter((name) => name !== 'adapter-swap');
    expect(offered.filter((name) => !tried.has(name))).toEqual([]);
  });
});
