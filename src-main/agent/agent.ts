/** One unit with power: its storage, its TPM, its port and its boot, put together and taken apart again. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/base/clock.ts';
import { sleep } from '../lib/base/clock.ts';
import type { Fault } from '../lib/base/fault.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, must, ok, unreachable } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import type { ByteStream } from '../lib/base/stream.ts';
import { serveLink } from '../lib/link/index.ts';
import type { LinkDevice, LinkMemory } from '../lib/link/index.ts';
import type { TpmTransport } from '../lib/tpm/types.ts';
import { tpmAttester, x509Attester } from './attester.ts';
import { createCredentialStore } from './credential-store.ts';
import { createDevice, firmware } from './device.ts';
import { agentFault } from './faults.ts';
import { withPlantedFaults } from './faulty-stream.ts';
import { createFirstBoot } from './first-boot.ts';
import type { FirstBoot } from './first-boot.ts';
import type { AgentOptions } from './options.ts';
import { openPort } from './port.ts';
import { openStateFolder } from './state-folder.ts';
import type { StateFolder } from './state-folder.ts';
import type { OpenedTpm } from './tpm/opened-tpm.ts';
import { openTpm } from './tpm/open-tpm.ts';

export interface AgentParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Ends the process at once, without any farewell. */
  powerCut(): void;
}

export interface Agent {
  readonly portName: string;
  /** Resolves with the reason when the port ends without our doing. */
  readonly portLost: Promise<Fault>;
  stop(): Promise<void>;
}

const linkMemoryFile = 'link-results';
/** MCUmgr's usual buffer is 384 bytes; ours is that of a mid-range board, so that a chain takes few packets. */
const bufferBytes = 1_024;

export async function startAgent(options: AgentOptions, parts: AgentParts): Promise<Result<Agent>> {
  const folder = await openStateFolder(options.stateFolder);
  if (!folder.ok) return folder;
  const caPem = await readCa(options.caFile);
  if (!caPem.ok) return caPem;
  const tpm = options.attestation === 'tpm' ? await openAsked(options, parts.clock) : ok(undefined);
  if (!tpm.ok) return tpm;
  const started = await startUnit(options, { ...parts, folder: folder.value, caPem: caPem.value, tpm: tpm.value });
  if (!started.ok) await tpm.value?.close();
  return started;
}

interface UnitParts extends AgentParts {
  readonly folder: StateFolder;
  readonly caPem: string | undefined;
  readonly tpm: OpenedTpm | undefined;
}

async function startUnit(options: AgentOptions, parts: UnitParts): Promise<Result<Agent>> {
  const { folder, tpm, clock, log } = parts;
  const store = createCredentialStore(folder);
  const transport = tpm === undefined ? undefined : delayed(tpm.transport, options.faults.tpmDelayMs ?? 0, clock);
  const attester = transport === undefined ? x509Attester(store) : tpmAttester(transport, clock);
  const { serialNumber, mqttsPort } = options;
  const boot = createFirstBoot({ ...parts, store, attester, serialNumber, firmware, mqttsPort });
  const device = createDevice({ ...options, store, boot, tpm: transport });
  const desk = createDesk(device, options, parts);
  const port = await openPort(options.port, { clock, log, serve: desk.serve });
  if (!port.ok) return port;
  await bootIfWritten(boot, log);
  return ok({
    portName: port.value.name,
    portLost: port.value.lost,
    async stop() {
      desk.close();
      await Promise.all([boot.stop(), port.value.close()]);
      await tpm?.close();
    },
  });
}

/** A unit that was written registers whenever it gets power. */
async function bootIfWritten(boot: FirstBoot, log: Log): Promise<void> {
  const { state } = await boot.status();
  if (state !== 'written') return;
  const started = await boot.start();
  if (!started.ok) log.warn('boot-not-started', { code: started.fault.code });
}

interface Desk {
  readonly serve: (stream: ByteStream) => void;
  readonly close: () => void;
}

/** One station at a time: a second one takes the place of the first. */
function createDesk(device: LinkDevice, options: AgentOptions, parts: UnitParts): Desk {
  const memory = linkMemory(parts.folder);
  let leave = (): void => undefined;
  return {
    close: () => {
      leave();
    },
    serve: (stream) => {
      leave();
      const faulty = withPlantedFaults(stream, options.faults, () => {
        parts.powerCut();
      });
      const server = serveLink(faulty, device, { clock: parts.clock, log: parts.log, memory, bufferBytes });
      leave = () => {
        server.close();
      };
    },
  };
}

/** The link's contract has no faults: a unit that cannot remember must not answer, so that its station asks again. */
function linkMemory(folder: StateFolder): LinkMemory {
  return {
    load: async () => must(await folder.read(linkMemoryFile)),
    save: async (bytes) => must(await folder.write(linkMemoryFile, bytes)),
  };
}

function openAsked(options: AgentOptions, clock: Clock): Promise<Result<OpenedTpm>> {
  const { tpm, stateFolder, faults } = options;
  switch (tpm.at) {
    case 'swtpm':
      return openTpm({ kind: 'swtpm', stateDir: join(stateFolder, 'swtpm') }, clock);
    case 'software': {
      const copy = faults.tpmCopyOf === undefined ? {} : { copyOf: faults.tpmCopyOf };
      return openTpm({ kind: 'software', stateFile: join(stateFolder, 'software-tpm.json'), ...copy }, clock);
    }
    case 'device':
      return openTpm({ kind: 'device', path: tpm.path }, clock);
    default:
      return unreachable(tpm);
  }
}

function delayed(transport: TpmTransport, delayMs: number, clock: Clock): TpmTransport {
  if (delayMs === 0) return transport;
  return {
    async transmit(command, signal) {
      await sleep(clock, delayMs, signal);
      return transport.transmit(command, signal);
    },
  };
}

async function readCa(file: string | undefined): Promise<Result<string | undefined>> {
  if (file === undefined) return ok(undefined);
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return failed(agentFault('agent-file-unreadable', { option: 'ca', reason }));
  }
}
