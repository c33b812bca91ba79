/** The run of a golden sample: everything that proves the bench, and nothing that writes. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Phase, Verdict } from '../../contract/views.ts';
import type { Attestation, UnitId } from '../batches/model.ts';
import { registrationIdOf } from '../batches/naming.ts';
import { benchFault, verdictOf } from './faults.ts';
import type { BenchJournal, DeviceSigner, RunBegun, RunStart, SampleRecord } from './ports.ts';
import { type RunOutcome, identify, proveTpm } from './run.ts';
import { Run, type RunParts, type RunTask } from './run-work.ts';

/** A sample that was added to this station. */
export interface GoldenSample {
  readonly name: string;
  readonly expect: 'pass' | 'fail';
}

export const samplePhases = ['connect', 'identify', 'prove', 'verify'] as const satisfies readonly Phase[];

export type SampleOutcome =
  | { readonly verdict: 'proven'; readonly attestation: Attestation | undefined }
  | { readonly verdict: 'unfinished'; readonly phase: Phase; readonly fault: Fault };

const work: Readonly<Record<(typeof samplePhases)[number], (run: Run) => Promise<Result<void>>>> = {
  connect: (run) => run.parts.driver.connect(run.parts.signal),
  identify,
  prove: (run) => (run.found.attestation === 'tpm' ? proveTpm(run) : proveKey(run)),
  verify: readBack,
};

/** A sample has no history: nothing of it is ever left to finish. */
export async function beginSample(journal: BenchJournal, start: RunStart): Promise<Result<RunBegun>> {
  const begun = await journal.beginSample(start);
  return begun.ok ? ok({ unitId: '' as UnitId, runNumber: 1, open: [], done: [], holdings: [] }) : begun;
}

export async function checkSample(task: RunTask, parts: RunParts): Promise<SampleOutcome> {
  const run = new Run(task, { ...parts, journal: writesNothing(parts.journal) });
  for (const phase of samplePhases) {
    if (parts.signal.aborted) return { verdict: 'unfinished', phase, fault: benchFault('run-aborted') };
    parts.onPhase(phase);
    const done = await work[phase](run);
    if (!done.ok) return { verdict: 'unfinished', phase, fault: done.fault };
  }
  return { verdict: 'proven', attestation: run.found.attestation };
}

/** A sample claims nothing: it is no unit. That it is never written is a rule of this file, and a bug if it is broken. */
function writesNothing(journal: BenchJournal): BenchJournal {
  const refuse = (): never => {
    throw new Error('a golden sample is never written to');
  };
  return { ...journal, claim: async () => ok(), intend: refuse, fulfil: refuse, pass: refuse };
}

/** A sample was provisioned once: it has a key, and signs a request with it, unless being asked would make another key. */
async function proveKey(run: Run): Promise<Result<void>> {
  const { signer, driver, random } = run.parts;
  if (signer === undefined) return failed(run.signerGone());
  const named = registrationIdOf(run.task.batch.terms, run.task.serialNumber, undefined);
  if (!named.ok) return named;
  run.found.registrationId = named.value;
  if (driver.capabilities.shows?.request === false) return ok();
  const csr = await driver.createCsr(random.uuid(), named.value);
  if (!csr.ok) return csr;
  const checked = await signer.checkCsr(csr.value, named.value);
  if (!checked.ok) return checked;
  run.found.publicKeySha256 = checked.value.publicKeySha256;
  return ok();
}

/** What it holds can be read; a certificate of this batch's signer must be about its key. */
async function readBack(run: Run): Promise<Result<void>> {
  const { driver, signer } = run.parts;
  const settings = driver.capabilities.settings ? await driver.readSettings() : ok();
  if (!settings.ok) return settings;
  const shows = driver.capabilities.shows?.certificates !== false;
  return run.found.attestation === 'x509' && shows && signer !== undefined ? certificateRead(run, signer) : ok();
}

async function certificateRead(run: Run, signer: DeviceSigner): Promise<Result<void>> {
  const held = await run.parts.driver.readCertificates();
  if (!held.ok || held.value.length === 0) return held.ok ? ok() : held;
  const valid = await signer.validate(held.value, run.registrationId);
  const { publicKeySha256 } = run.found;
  const isForeign = valid.ok && publicKeySha256 !== undefined && valid.value.publicKeySha256 !== publicKeySha256;
  return isForeign ? failed(benchFault('read-back-differs', { what: 'certificate' })) : ok();
}

/** What goes on disk of it; its verdict is its own, also where another one was expected. */
export function sampleRecord(
  outcome: RunOutcome | SampleOutcome,
  stopReason: Fault | undefined,
  endedMs: number,
): SampleRecord {
  if (outcome.verdict !== 'unfinished') return { verdict: 'pass', phase: 'verify', endedMs };
  const fault = stopReason ?? outcome.fault;
  const verdict: Verdict = verdictOf(fault);
  return { verdict, phase: outcome.phase, fault, endedMs };
}
