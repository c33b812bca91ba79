/** The device sides of a whole bench in one process: a fresh unit in a slot for each run, told to come by the benchmark. */
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { ok } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { type LinkDevice, type LinkMemory, type LinkServer, serveLink } from '../../src-main/lib/link/index.ts';
import { listenTcpStreams } from '../../src-main/lib/serial/index.ts';
import { tpmAttester, x509Attester } from '../../src-main/agent/attester.ts';
import { createCredentialStore } from '../../src-main/agent/credential-store.ts';
import { createDevice, firmware } from '../../src-main/agent/device.ts';
import { createFirstBoot } from '../../src-main/agent/first-boot.ts';
import type { StateFolder } from '../../src-main/agent/state-folder.ts';
import { deviceBufferBytes } from '../../src-main/agent/agent.ts';
import { nowMs } from './runner.ts';
import { stockTpms } from './shift-keys.ts';

export interface HostOrder {
  readonly folder: string;
  readonly slots: number;
  /** How many TPM units there will be. */
  readonly tpms: number;
}

export type HostAsk =
  | {
      readonly ask: 'insert';
      readonly slot: number;
      readonly serialNumber: string;
      readonly attestation: 'tpm' | 'x509';
    }
  | { readonly ask: 'counts'; readonly slot: number };

/** Of the unit that is in a slot: what passed its line, and how long it worked itself. */
export interface UnitCounts {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly chipMs: number;
  readonly packets: number;
}

/** In memory: the unit's own storage is not what is measured. */
function memoryFolder(): StateFolder {
  const files = new Map<string, Uint8Array>();
  return {
    path: '',
    read: async (name) => ok(files.get(name)),
    write: async (name, bytes) => {
      files.set(name, bytes);
      return ok();
    },
    remove: async (name) => {
      files.delete(name);
      return ok();
    },
  };
}

function memoryOf(): LinkMemory {
  let saved: Uint8Array | undefined;
  return {
    load: async () => saved,
    save: async (bytes) => {
      saved = bytes;
    },
  };
}

interface Slot {
  stream: ByteStream | undefined;
  server: LinkServer | undefined;
  device: LinkDevice | undefined;
  counts: { bytesIn: number; bytesOut: number; chipMs: number; packets: number };
}

const order = JSON.parse(process.argv[2] ?? '{}') as HostOrder;
const stock = await stockTpms(order.folder, order.tpms);
let tpmsUsed = 0;
const slots = new Map<number, Slot>();

type Handler = (...words: readonly unknown[]) => Promise<unknown>;

function timed(slot: Slot, work: Handler): Handler {
  return async (...words) => {
    const startMs = nowMs();
    try {
      return await work(...words);
    } finally {
      slot.counts.chipMs += nowMs() - startMs;
    }
  };
}

function deviceFor(at: number, slot: Slot, serialNumber: string, attestation: 'tpm' | 'x509'): LinkDevice {
  const folder = memoryFolder();
  const tpm = attestation === 'tpm' ? stock.tpm(tpmsUsed++, join(order.folder, `tpm-${at}.json`)) : undefined;
  const store = createCredentialStore(folder);
  const attester = tpm === undefined ? x509Attester(store) : tpmAttester(tpm, systemClock);
  const parts = { clock: systemClock, random: systemRandom, log: silentLog, store, attester, serialNumber, firmware };
  const boot = createFirstBoot({ ...parts, caPem: undefined, mqttsPort: 8_883 });
  const device = createDevice({ serialNumber, attestation, store, boot, tpm, keyAlgorithms: ['p256'], faults: {} });
  // Optional handlers stay away where the device has none: a station asks what a unit can do.
  const own = Object.entries(device as unknown as Record<string, Handler | undefined>).flatMap(([name, handler]) =>
    handler === undefined ? [] : [[name, handler] as const],
  );
  const working = new Set(['tpmTransmit', 'generateKey', 'createCsr', 'storeCertificates', 'storeSettings']);
  const counted = own.map(([name, handler]) => [name, working.has(name) ? timed(slot, handler) : handler] as const);
  return Object.fromEntries(counted) as unknown as LinkDevice;
}

function serve(slot: Slot): void {
  slot.server?.close();
  const { stream, device } = slot;
  if (stream === undefined || device === undefined) return;
  const counted: ByteStream = {
    ...stream,
    write: (bytes) => {
      slot.counts.bytesOut += bytes.length;
      slot.counts.packets += 1;
      return stream.write(bytes);
    },
    onData: (listener) =>
      stream.onData((bytes) => {
        slot.counts.bytesIn += bytes.length;
        listener(bytes);
      }),
  };
  const parts = { clock: systemClock, log: silentLog, memory: memoryOf(), bufferBytes: deviceBufferBytes };
  slot.server = serveLink(counted, device, parts);
}

async function open(slot: Slot): Promise<string> {
  const { port } = await listenTcpStreams({ host: '127.0.0.1', port: 0 }, systemClock, (stream) => {
    slot.stream = stream;
    serve(slot);
  });
  return `127.0.0.1:${port}`;
}

const fresh = () => ({ bytesIn: 0, bytesOut: 0, chipMs: 0, packets: 0 });
const addresses: string[] = [];
for (let at = 1; at <= order.slots; at += 1) {
  const slot: Slot = { stream: undefined, server: undefined, device: undefined, counts: fresh() };
  slots.set(at, slot);
  addresses.push(await open(slot));
}
process.on('message', (message: HostAsk) => {
  const slot = slots.get(message.slot);
  if (slot === undefined) return;
  if (message.ask === 'insert') {
    slot.counts = fresh();
    slot.device = deviceFor(message.slot, slot, message.serialNumber, message.attestation);
    serve(slot);
  }
  process.send?.({ slot: message.slot, counts: slot.counts });
});
process.once('disconnect', () => process.exit(0));
process.send?.({ addresses });
