/** Units of a benchmark: agents as programs of their own, and their chips, asked directly before an agent has them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { awaitReadyFile, startProgram } from '../../src-main/lib/process/program.ts';
import { provePossession, readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import type { TpmTransport } from '../../src-main/lib/tpm/types.ts';
import { openTpm } from '../../src-main/agent/tpm/open-tpm.ts';
import { programFile } from '../../src-main/cli/program-file.ts';
import { nowMs } from './runner.ts';

/** `swtpm-blank`: its chip holds no keys yet and makes them during the run; `swtpm-keyed`: it holds them. */
export const unitKinds = ['swtpm-blank', 'swtpm-keyed', 'software-keyed', 'x509'] as const;
export type UnitKind = (typeof unitKinds)[number];

export interface Unit {
  readonly kind: UnitKind;
  readonly serialNumber: string;
  readonly state: string;
}

export interface RunningUnit extends Unit {
  readonly port: string;
  stop(): Promise<void>;
}

const parts = { clock: systemClock, random: systemRandom, log: silentLog };

export function newUnit(folder: string, kind: UnitKind, serialNumber: string): Unit {
  const state = join(folder, serialNumber);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  return { kind, serialNumber, state };
}

export async function startUnit(unit: Unit, options: { port: string; caFile: string }): Promise<RunningUnit> {
  const { kind, serialNumber, state } = unit;
  const readyFile = join(state, 'ready.json');
  const args = [
    ...[programFile('agent'), '--port', `pty:${options.port}`, '--state', state, '--serial-number', serialNumber],
    ...['--attestation', kind === 'x509' ? 'x509' : 'tpm', '--tpm', kind === 'software-keyed' ? 'software' : 'swtpm'],
    ...['--ca', options.caFile, '--ready-file', readyFile],
  ];
  const program = startProgram({ program: serialNumber, command: process.execPath, args }, parts);
  const wait = { program: serialNumber, file: readyFile, limitMs: 60_000, clock: systemClock, ended: program.ended };
  must(await awaitReadyFile({ ...wait, parse: (json) => json }));
  return { ...unit, port: options.port, stop: () => program.stop() };
}

export interface ChipTimes {
  /** The whole proof with a chip that makes its keys, and again with a chip that has them. */
  readonly blankMs: number;
  readonly keyedMs: number;
}

/** Gives the unit's chip its keys, and tells how long it works for a run's commands when nobody stands between. */
export async function keyChip(unit: Unit): Promise<ChipTimes> {
  const { state, kind } = unit;
  const choice =
    kind === 'software-keyed'
      ? ({ kind: 'software', stateFile: join(state, 'software-tpm.json') } as const)
      : ({ kind: 'swtpm', stateDir: join(state, 'swtpm') } as const);
  const opened = must(await openTpm(choice, systemClock));
  try {
    return { blankMs: await proofMs(opened.transport), keyedMs: await proofMs(opened.transport) };
  } finally {
    await opened.close();
  }
}

/** What a run asks of a TPM (station/drivers/smp-driver.ts), counting the chip's time alone. */
async function proofMs(transport: TpmTransport): Promise<number> {
  let spentMs = 0;
  const counted: TpmTransport = {
    async transmit(command, signal) {
      const startMs = nowMs();
      const answer = await transport.transmit(command, signal);
      spentMs += nowMs() - startMs;
      return answer;
    },
  };
  const tpm = createTpm(counted, systemClock);
  const identity = must(await readTpmIdentity(tpm));
  must(await provePossession(tpm, identity, systemRandom));
  return spentMs;
}
