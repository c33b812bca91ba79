/** Units of the byte-cut proof between real programs: agents with swtpm, and a scripted modem. */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import {
  type RunningProgram,
  awaitReadyFile,
  clearReadyFile,
  startProgram,
} from '../../src-main/lib/process/program.ts';
import { openSerialPort } from '../../src-main/lib/serial/index.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { certificatesFromPem } from '../../src-main/lib/x509/pem.ts';
import { createCredentialStore } from '../../src-main/agent/credential-store.ts';
import { openStateFolder } from '../../src-main/agent/state-folder.ts';
import { openTpm } from '../../src-main/agent/tpm/open-tpm.ts';
import { scriptedModem } from '../exams/scripted-modem.ts';

export interface RealUnit {
  readonly serialNumber: string;
  /** What it keeps. */
  readonly folder: string;
  /** Gives it power; the near end of its port. */
  start(): Promise<ByteStream>;
  /** SIGKILL, or the power of what is no program; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it for good, and tells what it holds: SHA-256 of its certificates or of its endorsement key, in hexadecimal. */
  held(): Promise<readonly string[]>;
}

export interface RealKind {
  readonly name: string;
  readonly attestation: 'tpm' | 'x509';
  readonly deviceProfile: string;
  readonly serialPattern: string;
  /** A key is made once, whatever is cut. */
  readonly isMadeOnce: boolean;
  /** Its port goes away with its power: over a silent one the station would wait out the longest command. */
  readonly takesPortAway: boolean;
  /** Unit `number` of this kind. */
  unit(folder: string, number: number): RealUnit;
}

const agentMain = join(import.meta.dirname, '../../src-main/agent/main.ts');
/** A fresh swtpm is made, and a busy machine takes long. */
const agentLimitMs = 60_000;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const label = (number: number): string => `SN${String(number).padStart(4, '0')}`;

function agentKind(name: string, attestation: 'tpm' | 'x509', deviceProfile: 'bench-link' | 'tpm-tunnel'): RealKind {
  return {
    ...{ name, attestation, deviceProfile, serialPattern: 'SN[0-9]{4}', isMadeOnce: true },
    takesPortAway: deviceProfile === 'tpm-tunnel',
    unit: (folder, number) => agentUnit(join(folder, label(number)), label(number), { attestation, deviceProfile }),
  };
}

export const realKinds: readonly RealKind[] = [
  agentKind('bench-link tpm', 'tpm', 'bench-link'),
  agentKind('bench-link x509', 'x509', 'bench-link'),
  agentKind('tpm-tunnel tpm', 'tpm', 'tpm-tunnel'),
  {
    ...{ name: 'nordic-nrf91 x509', attestation: 'x509', deviceProfile: 'nordic-nrf91' },
    ...{ serialPattern: '[0-9]{15}', isMadeOnce: false, takesPortAway: true },
    unit: (folder, number) => modemUnit(folder, `35265610${String(number).padStart(7, '0')}`),
  },
];

interface AgentTerms {
  readonly attestation: 'tpm' | 'x509';
  readonly deviceProfile: 'bench-link' | 'tpm-tunnel';
}

function agentUnit(folder: string, serialNumber: string, { attestation, deviceProfile }: AgentTerms): RealUnit {
  const [port, ready] = [`${folder}.port`, `${folder}.ready`];
  let program: RunningProgram | undefined;
  let stream: ByteStream | undefined;
  const kill = async (): Promise<void> => {
    if (program?.pid !== undefined) process.kill(program.pid, 'SIGKILL');
    await program?.ended;
    program = undefined;
    await stream?.close();
  };
  return {
    ...{ serialNumber, folder, kill },
    start: async () => {
      await mkdir(folder, { recursive: true });
      await clearReadyFile(ready);
      const words = ['--port', `pty:${port}`, '--state', folder, '--serial-number', serialNumber, '--tpm', 'swtpm'];
      const kind = ['--attestation', attestation, '--protocol', deviceProfile, '--ready-file', ready];
      const parts = { clock: systemClock, random: systemRandom, log: silentLog };
      const spec = { program: serialNumber, command: process.execPath, args: [agentMain, ...words, ...kind] };
      program = startProgram(spec, parts);
      const wait = { program: serialNumber, file: ready, limitMs: agentLimitMs, clock: systemClock };
      must(await awaitReadyFile({ ...wait, parse: () => true, ended: program.ended }));
      stream = must(await openSerialPort({ path: port }, parts));
      return stream;
    },
    held: async () => {
      await stream?.close();
      await program?.stop();
      const held = attestation === 'tpm' ? await endorsementKey(folder) : await certificate(folder);
      await rm(folder, { recursive: true, force: true });
      return held;
    },
  };
}

async function endorsementKey(folder: string): Promise<readonly string[]> {
  const tpm = must(await openTpm({ kind: 'swtpm', stateDir: join(folder, 'swtpm') }, systemClock));
  const { ek } = must(await readTpmIdentity(createTpm(tpm.transport, systemClock)));
  await tpm.close();
  return [sha256(ek)];
}

async function certificate(folder: string): Promise<readonly string[]> {
  const store = createCredentialStore(must(await openStateFolder(folder)));
  const credential = must(await store.credential());
  return (credential?.chain ?? []).slice(0, 1).map(sha256);
}

/** Asked again: it may have gone meanwhile. */
const isOff = ({ signal }: AbortController): boolean => signal.aborted;

/** In the process of the proof, as it is no program: what ends is its power. */
function modemUnit(folder: string, imei: string): RealUnit {
  const modem = scriptedModem(imei);
  let end = (): void => undefined;
  return {
    ...{ serialNumber: imei, folder },
    start: async () => {
      const power = new AbortController();
      const never = new Promise<never>(() => undefined);
      const { near, far } = streamPair();
      end = () => {
        power.abort();
        void far.close();
      };
      modem.serve(far, {}, async (work) => {
        if (isOff(power)) return never;
        const done = await work();
        return isOff(power) ? never : done;
      });
      return near;
    },
    kill: async () => {
      end();
    },
    held: async () => {
      end();
      const full = [...modem.tags.values()].filter((kept) => kept.size > 0);
      return full.flatMap((kept) => certificatesFromPem(kept.get('1') ?? '').slice(0, 1)).map(sha256);
    },
  };
}
