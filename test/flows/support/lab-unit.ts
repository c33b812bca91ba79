/** A unit in this process: the agent's own device, storage and TPM, served on whatever line is plugged in. */
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../../src-main/lib/base/clock.ts';
import { systemRandom } from '../../../src-main/lib/base/host.ts';
import { silentLog } from '../../../src-main/lib/base/log.ts';
import { must } from '../../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../../src-main/lib/base/stream.ts';
import { type LinkDevice, type LinkServer, serveLink } from '../../../src-main/lib/link/index.ts';
import { readTpmIdentity } from '../../../src-main/lib/tpm/identity.ts';
import { createTpm } from '../../../src-main/lib/tpm/tpm.ts';
import { tpmAttester, x509Attester } from '../../../src-main/agent/attester.ts';
import { createCredentialStore } from '../../../src-main/agent/credential-store.ts';
import { createDevice, firmware } from '../../../src-main/agent/device.ts';
import { createFirstBoot } from '../../../src-main/agent/first-boot.ts';
import type { PlantedFaults } from '../../../src-main/agent/planted-faults.ts';
import { openStateFolder } from '../../../src-main/agent/state-folder.ts';
import { openTpm } from '../../../src-main/agent/tpm/open-tpm.ts';

export interface LabUnitOptions {
  readonly folder: string;
  readonly serialNumber: string;
  readonly attestation: 'tpm' | 'x509';
  readonly clock: Clock;
  readonly faults?: PlantedFaults;
  /** A TPM state made before: RSA keys take long. Absent: it makes its own keys. */
  readonly tpmState?: string;
  readonly answerDelayMs?: number;
}

export interface LabUnit {
  readonly serialNumber: string;
  /** What it can be asked; a test may put its own handlers in between. */
  readonly device: LinkDevice;
  /** How many keys it made. */
  readonly keysMade: () => number;
  /** It remembers the end of everything it began: each request is noted twice, as it begins and with its result. */
  readonly isSettled: () => boolean;
  serve(stream: ByteStream, device?: LinkDevice): void;
  close(): Promise<void>;
}

export async function createLabUnit(options: LabUnitOptions): Promise<LabUnit> {
  const { clock, serialNumber, attestation, faults = {} } = options;
  const folder = must(await openStateFolder(options.folder));
  const stateFile = join(options.folder, 'software-tpm.json');
  if (options.tpmState !== undefined) await copyFile(options.tpmState, stateFile);
  const delay = options.answerDelayMs === undefined ? {} : { answerDelayMs: options.answerDelayMs };
  const tpm = attestation === 'tpm' ? must(await openTpm({ kind: 'software', stateFile, ...delay }, clock)) : undefined;
  const store = createCredentialStore(folder);
  const attester = tpm === undefined ? x509Attester(store) : tpmAttester(tpm.transport, clock);
  const parts = { clock, random: systemRandom, log: silentLog };
  const boot = createFirstBoot({
    ...parts,
    store,
    attester,
    serialNumber,
    firmware,
    caPem: undefined,
    mqttsPort: 8_883,
  });
  const made = createDevice({
    ...{ serialNumber, attestation, store, boot, faults },
    keyAlgorithms: ['p256'],
    tpm: tpm?.transport,
  });
  const keys = new Set<string>();
  const device: LinkDevice = {
    ...made,
    ...(made.generateKey === undefined
      ? {}
      : {
          generateKey: async (requestId, algorithm) => {
            const key = await made.generateKey?.(requestId, algorithm);
            if (key === undefined) throw new Error('the device makes keys');
            if (key.ok) keys.add(Buffer.from(key.value).toString('hex'));
            return key;
          },
        }),
  };
  const memoryFile = 'link-results';
  let notes = 0;
  const memory = {
    load: async () => must(await folder.read(memoryFile)),
    save: async (bytes: Uint8Array) => {
      must(await folder.write(memoryFile, bytes));
      notes += 1;
    },
  };
  let server: LinkServer | undefined;
  return {
    serialNumber,
    device,
    keysMade: () => keys.size,
    isSettled: () => notes % 2 === 0,
    serve: (stream, served = device) => {
      server?.close();
      server = serveLink(stream, served, { clock, log: silentLog, memory, bufferBytes: 1_024 });
    },
    close: async () => {
      server?.close();
      await boot.stop();
      await tpm?.close();
    },
  };
}

/** Makes the keys of a software TPM once, so that units can begin as copies of its state file. */
export async function prepareTpmState(stateFile: string, clock: Clock): Promise<string> {
  await mkdir(dirname(stateFile), { recursive: true });
  const opened = must(await openTpm({ kind: 'software', stateFile }, clock));
  must(await readTpmIdentity(createTpm(opened.transport, clock)));
  await opened.close();
  return stateFile;
}
