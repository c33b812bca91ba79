/** Virtual units: device agents on pseudo-terminals, each a program of its own that survives the station's restarts. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Fault, faultMaker } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { systemCodeOf } from '../../lib/files/durable-file.ts';
import type { ProgramParts } from '../../lib/process/program.ts';
import { startReadyProgram } from './ready-program.ts';
import type { Launcher } from './service-program.ts';

const unitFault = faultMaker({
  'virtual-unit-folder': {
    say: 'The folder of virtual unit {serialNumber} cannot be used ({reason}).',
    hint: 'Check the rights and the free space of the data folder, then start again.',
  },
});

const AgentReady = z.object({ port: z.string(), serialNumber: z.string() });

export interface VirtualBenchOptions {
  readonly folder: string;
  readonly units: number;
  readonly attestation: 'tpm' | 'x509' | 'mixed';
  readonly tpm: 'swtpm' | 'software';
  /** Comes before the unit's number in its serial number. */
  readonly serialPrefix: string;
  /** What the firmware trusts; empty for what its settings bring. */
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
  /** Those that came up. */
  readonly units: readonly VirtualUnit[];
  /** Of the first that did not. */
  readonly fault: Fault | undefined;
  /** Starts the unit of a slot anew with these faults; what it holds stays. Resolves when it is there again. */
  restart(slot: number, faults: readonly string[]): Promise<Result<void>>;
  stop(): Promise<void>;
}

/** In a mixed bench every second unit has a TPM, the first one too. */
function attestationOf(slot: number, wanted: VirtualBenchOptions['attestation']): 'tpm' | 'x509' {
  if (wanted !== 'mixed') return wanted;
  return slot % 2 === 1 ? 'tpm' : 'x509';
}

/** One unit that does not come up keeps no other from the bench. */
export async function startVirtualBench(
  launcher: Launcher,
  options: VirtualBenchOptions,
  parts: ProgramParts,
  signal: AbortSignal,
): Promise<VirtualBench> {
  const slots = Array.from({ length: options.units }, (_, at) => at + 1);
  const workshop = { launcher, options, parts, signal };
  const started = await Promise.all(slots.map((slot) => startUnit({ slot, faults: [] }, workshop)));
  const running = started.flatMap((unit) => (unit.ok ? [unit.value] : []));
  const [fault] = started.flatMap((unit) => (unit.ok ? [] : [unit.fault]));
  return {
    units: running.map(({ unit }) => unit),
    fault,
    restart: async (slot, faults) => {
      const at = running.findIndex(({ unit }) => unit.slot === slot);
      await running[at]?.program.stop();
      const again = await startUnit({ slot, faults }, workshop);
      if (!again.ok) return again;
      running[at] = again.value;
      // A bench that was stopped meanwhile knows nothing of this one.
      if (signal.aborted) await again.value.program.stop();
      return ok();
    },
    stop: async () => {
      await Promise.all(running.map(({ program }) => program.stop()));
    },
  };
}

interface Workshop {
  readonly launcher: Launcher;
  readonly options: VirtualBenchOptions;
  readonly parts: ProgramParts;
  readonly signal: AbortSignal;
}

interface UnitOrder {
  readonly slot: number;
  readonly faults: readonly string[];
}

async function startUnit({ slot, faults }: UnitOrder, { launcher, options, parts, signal }: Workshop) {
  const attestation = attestationOf(slot, options.attestation);
  const serialNumber = `${options.serialPrefix}${String(slot).padStart(4, '0')}`;
  const state = join(options.folder, serialNumber);
  const folder = await madeFolder(state, serialNumber);
  if (!folder.ok) return folder;
  const file = join(state, 'ready.json');
  const args = [
    ...launcher.programs.agent,
    ...['--port', `pty:${join(state, 'tty')}`, '--state', state, '--serial-number', serialNumber],
    ...['--attestation', attestation, '--tpm', options.tpm],
    ...(options.caFile === '' ? [] : ['--ca', options.caFile]),
    ...['--mqtts-port', String(options.mqttsPort), '--ready-file', file],
    ...faults.flatMap((fault) => ['--fault', fault]),
  ];
  const spec = { program: `unit ${serialNumber}`, command: launcher.command, args, env: launcher.env };
  const ready = { file, parse: (json: unknown) => AgentReady.safeParse(json).data };
  const started = await startReadyProgram(spec, ready, parts, signal);
  if (!started.ok) return started;
  const { port } = started.value.ready;
  return ok({ program: started.value.program, unit: { slot, port, serialNumber, attestation } });
}

async function madeFolder(path: string, serialNumber: string): Promise<Result<void>> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return ok();
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === undefined) throw error;
    return failed(unitFault('virtual-unit-folder', { serialNumber, reason }));
  }
}
