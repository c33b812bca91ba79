/** Virtual units: device agents on pseudo-terminals, each a program of its own that survives the station's restarts. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import {
  type ProgramParts,
  type SupervisedProgram,
  awaitReadyFile,
  clearReadyFile,
  superviseProgram,
} from '../../lib/process/program.ts';
import type { Launcher } from './service-program.ts';

const AgentReady = z.object({ port: z.string(), serialNumber: z.string() });

// A software TPM makes two RSA keys at its first start, which may take several seconds each on a loaded machine.
const readyLimitMs = 60_000;

export interface VirtualBenchOptions {
  readonly folder: string;
  readonly units: number;
  readonly attestation: 'tpm' | 'x509' | 'mixed';
  readonly tpm: 'swtpm' | 'software';
  /** Comes before the unit's number in its serial number. */
  readonly serialPrefix: string;
  readonly caFile: string;
  readonly mqttsPort: number;
}

export interface VirtualUnit {
  readonly slot: number;
  readonly port: string;
  readonly serialNumber: string;
  readonly attestation: 'tpm' | 'x509';
}

export interface VirtualBench {
  readonly units: readonly VirtualUnit[];
  stop(): Promise<void>;
}

/** In a mixed bench every second unit has a TPM, the first one too. */
function attestationOf(slot: number, wanted: VirtualBenchOptions['attestation']): 'tpm' | 'x509' {
  if (wanted !== 'mixed') return wanted;
  return slot % 2 === 1 ? 'tpm' : 'x509';
}

export async function startVirtualBench(
  launcher: Launcher,
  options: VirtualBenchOptions,
  parts: ProgramParts,
): Promise<Result<VirtualBench>> {
  const slots = Array.from({ length: options.units }, (_, at) => at + 1);
  const started = await Promise.all(slots.map((slot) => startUnit(slot, launcher, options, parts)));
  const programs = started.map((unit) => unit.program);
  const stop = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.stop()));
  };
  const [fault] = started.flatMap((unit) => (unit.ready.ok ? [] : [unit.ready.fault]));
  if (fault !== undefined) {
    await stop();
    return failed(fault);
  }
  const units = started.flatMap((unit) => (unit.ready.ok ? [unit.ready.value] : []));
  return ok({ units, stop });
}

interface StartedUnit {
  readonly program: SupervisedProgram;
  readonly ready: Result<VirtualUnit>;
}

async function startUnit(
  slot: number,
  launcher: Launcher,
  options: VirtualBenchOptions,
  parts: ProgramParts,
): Promise<StartedUnit> {
  const attestation = attestationOf(slot, options.attestation);
  const serialNumber = `${options.serialPrefix}${String(slot).padStart(4, '0')}`;
  const state = join(options.folder, serialNumber);
  await mkdir(state, { recursive: true, mode: 0o700 });
  const readyFile = join(state, 'ready.json');
  await clearReadyFile(readyFile);
  const program = `unit ${serialNumber}`;
  const args = [
    ...launcher.programs.agent,
    ...['--port', `pty:${join(state, 'tty')}`, '--state', state, '--serial-number', serialNumber],
    ...['--attestation', attestation, '--tpm', options.tpm, '--ca', options.caFile],
    ...['--mqtts-port', String(options.mqttsPort), '--ready-file', readyFile],
  ];
  const running = superviseProgram({ program, command: launcher.command, args, env: launcher.env }, parts);
  const ready = await awaitReadyFile({
    program,
    file: readyFile,
    limitMs: readyLimitMs,
    clock: parts.clock,
    parse: (json) => AgentReady.safeParse(json).data,
  });
  if (!ready.ok) return { program: running, ready };
  const { port } = ready.value;
  return { program: running, ready: ok({ slot, port, serialNumber, attestation }) };
}
