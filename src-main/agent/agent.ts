/** One unit with power: its storage, its TPM, its port and its boot, put together and taken apart again. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, must, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import type { ByteStream } from '../lib/base/stream.ts';
import { serveLink } from '../lib/link/index.ts';
import type { LinkDevice, LinkMemory } from '../lib/link/index.ts';
import { serveTunnel } from '../lib/tpm/tunnel-server.ts';
import { tpmAttester, x509Attester } from './attester.ts';
import { createCredentialStore } from './credential-store.ts';
import { createDevice, firmware } from './device.ts';
import { agentFault } from './faults.ts';
import { createFirstBoot } from './first-boot.ts';
import type { FirstBoot } from './first-boot.ts';
import { type BentLine, createBentLine } from './line/bent-line.ts';
import { keepPort } from './line/lasting-port.ts';
import type { AgentOptions, PortChoice } from './options.ts';
import { openOwnTpm } from './own-tpm.ts';
import { openStateFolder } from './state-folder.ts';
import type { StateFolder } from './state-folder.ts';
import type { OpenedTpm } from './tpm/opened-tpm.ts';

export interface AgentParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Ends the process at once, without any farewell. */
  powerCut(): void;
}

export interface Agent {
  /** Resolves with what a station opens, when the port is open for the first time: a serial port may come later. */
  readonly opened: Promise<string>;
  stop(): Promise<void>;
}

const linkMemoryFile = 'link-results';
/** MCUmgr's usual buffer is 384 bytes; ours is that of a larger board, so that a chain, settings and their roots take one packet each. */
export const deviceBufferBytes = 2_048;
/** A technician who pulled a cable has it back in the socket within two seconds. */
const cableAwayMs = 2_000;

export async function startAgent(options: AgentOptions, parts: AgentParts): Promise<Result<Agent>> {
  const folder = await openStateFolder(options.stateFolder);
  if (!folder.ok) return folder;
  const caPem = await readCa(options.caFile);
  if (!caPem.ok) return caPem;
  const tpm = options.attestation === 'tpm' ? await openOwnTpm(options, parts.clock, parts.log) : ok(undefined);
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
  const attester = tpm === undefined ? x509Attester(store) : tpmAttester(tpm.transport, clock);
  const { serialNumber, mqttsPort, faults } = options;
  const boot = createFirstBoot({ ...parts, store, attester, serialNumber, firmware, mqttsPort });
  const device = createDevice({ ...options, store, boot, tpm: tpm?.transport });
  let unplug = (): void => undefined;
  const line = createBentLine({
    clock,
    faults,
    powerCut: () => {
      parts.powerCut();
    },
    unplug: () => {
      unplug();
    },
  });
  const desk = createDesk(device, line, { ...parts, protocol: options.protocol });
  const { resetOnOpenMs } = faults;
  const restart = (): void => {
    if (resetOnOpenMs === undefined) return;
    line.restart(resetOnOpenMs);
    void boot.stop().then(() => bootIfWritten(boot, log));
  };
  const port = await keepPort(options.port, {
    ...parts,
    tellsOpens: resetOnOpenMs !== undefined,
    serve: (stream) => {
      desk.serve(stream);
      restart();
    },
  });
  if (!port.ok) return port;
  unplug = () => {
    port.value.unplug(cableAwayMs, faults.portMoves === undefined ? undefined : movedFrom(options.port));
  };
  await bootIfWritten(boot, log);
  return ok({
    opened: port.value.opened,
    async stop() {
      desk.close();
      await Promise.all([boot.stop(), port.value.close()]);
      await tpm?.close();
    },
  });
}

/** The name that a system gives an adapter changes with every plugging. */
function movedFrom(port: PortChoice): PortChoice | undefined {
  return port.at === 'pty' && port.linkPath !== undefined ? { ...port, linkPath: `${port.linkPath}-moved` } : undefined;
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
function createDesk(device: LinkDevice, line: BentLine, parts: UnitParts & Pick<AgentOptions, 'protocol'>): Desk {
  const memory = linkMemory(parts.folder);
  let leave = (): void => undefined;
  return {
    close: () => {
      leave();
    },
    serve: (stream) => {
      leave();
      const { protocol, tpm, clock, log } = parts;
      const server =
        protocol === 'tpm-tunnel' && tpm !== undefined
          ? serveTunnel(line.over(stream), tpm.transport, { clock, log })
          : serveLink(line.over(stream), device, { clock, log, memory, bufferBytes: deviceBufferBytes });
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

async function readCa(file: string | undefined): Promise<Result<string | undefined>> {
  if (file === undefined) return ok(undefined);
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return failed(agentFault('agent-file-unreadable', { option: 'ca', reason }));
  }
}
