/** A unit of the byte-cut proof: the agent's own device over storage that survives, and power that does not. */
import { createHash } from 'node:crypto';
import { decode } from 'cborg';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { serveLink } from '../../src-main/lib/link/index.ts';
import { createCredentialStore } from '../../src-main/agent/credential-store.ts';
import { createDevice } from '../../src-main/agent/device.ts';
import type { FirstBoot } from '../../src-main/agent/first-boot.ts';
import type { StateFolder } from '../../src-main/agent/state-folder.ts';
import { runCommand } from '../../src-main/agent/tpm/software/dispatch.ts';
import { createMemory } from '../../src-main/agent/tpm/software/memory.ts';
import type { CutTpm } from './cut-tpm.ts';
import type { CutWorld, Life } from './cut-world.ts';

/** What a unit is by what it holds now. */
export interface Held {
  /** SHA-256 of its certificate or its endorsement key, in hexadecimal. */
  readonly fingerprint?: string;
  readonly wrong?: string;
}

/** What is left of a unit whatever is done to it. */
export interface CutUnit {
  readonly serialNumber: string;
  /** SHA-256 of every key it made, of every chain and of every settings that were written to it. */
  readonly made: { readonly keys: Set<string>; readonly chains: Set<string>; readonly settings: Set<string> };
  /** What its flash holds, without what differs from unit to unit (keys, ids): one word for states that go on alike. */
  readonly shape: () => string;
  readonly holds: () => Held;
  /** Gives it power on this line: what it remembers is what its flash holds. */
  power(stream: ByteStream): void;
  /** What its power loss ends, it ends in the middle. */
  cutPower(): void;
}

export interface CutUnitOptions {
  readonly serialNumber: string;
  readonly attestation: 'tpm' | 'x509';
  /** A software TPM whose keys were made before. */
  readonly tpm?: CutTpm;
  /** Its memory does not say which unit it is. */
  readonly isBlank?: boolean;
}

const bufferBytes = 1_024;
/** Nothing of the proof boots a unit. */
const noBoot: FirstBoot = {
  start: async () => ok(),
  status: async () => ({ state: 'blank' }),
  stop: async () => undefined,
};

export function createCutUnit(options: CutUnitOptions, world: CutWorld): CutUnit {
  const flash = new Map<string, Uint8Array>();
  const made = { keys: new Set<string>(), chains: new Set<string>(), settings: new Set<string>() };
  let life: Life | undefined;
  let leave = (): void => undefined;
  return {
    serialNumber: options.serialNumber,
    made,
    shape: () => shapeOf(flash),
    holds: () => {
      if (options.tpm !== undefined) return { fingerprint: options.tpm.fingerprint };
      const leaf = leafIn(flash);
      return leaf === undefined ? { wrong: 'it holds no certificate' } : { fingerprint: sha256(leaf) };
    },
    power: (stream) => {
      const now = world.born();
      life = now;
      const folder = flashFolder(flash, now, world);
      const tpm = options.tpm === undefined ? undefined : createMemory('', options.tpm.state);
      const store = createCredentialStore(folder);
      const device = createDevice({
        ...{ serialNumber: options.serialNumber, attestation: options.attestation, store, boot: noBoot },
        keyAlgorithms: ['p256'],
        tpm: tpm && { transmit: async (command) => ok(await runCommand(tpm, command)) },
        faults: options.isBlank === true ? { noSerial: true } : {},
      });
      const generateKey = device.generateKey?.bind(device);
      const createCsr = device.createCsr?.bind(device);
      const server = serveLink(
        stream,
        {
          ...device,
          ...(generateKey === undefined
            ? {}
            : {
                generateKey: async (requestId, algorithm) => {
                  const key = await world.busyWhile(now, generateKey(requestId, algorithm));
                  if (key.ok && !now.isDead) made.keys.add(sha256(key.value));
                  return key;
                },
              }),
          ...(createCsr === undefined ? {} : { createCsr: (id, name) => world.busyWhile(now, createCsr(id, name)) }),
          storeCertificates: async (chain) => {
            made.chains.add(sha256(Buffer.concat(chain)));
            return device.storeCertificates(chain);
          },
          storeSettings: async (settings) => {
            made.settings.add(sha256(Buffer.from(JSON.stringify(settings))));
            return device.storeSettings(settings);
          },
        },
        {
          ...{ clock: world.clockOf(now), log: silentLog, bufferBytes },
          memory: {
            load: async () => must(await folder.read('link-results')),
            save: async (bytes) => must(await folder.write('link-results', bytes)),
          },
        },
      );
      leave = () => {
        server.close();
      };
    },
    cutPower: () => {
      life?.end();
      leave();
    },
  };
}

/** Each write is whole or did not happen, as the agent's own files are (its exam cuts those). */
function flashFolder(flash: Map<string, Uint8Array>, life: Life, world: CutWorld): StateFolder {
  return {
    path: '',
    read: (name) => world.inLife(life, async () => ok(flash.get(name))),
    write: (name, bytes) =>
      world.inLife(life, async () => {
        flash.set(name, bytes.slice());
        return ok();
      }),
    remove: (name) =>
      world.inLife(life, async () => {
        flash.delete(name);
        return ok();
      }),
  };
}

function shapeOf(flash: ReadonlyMap<string, Uint8Array>): string {
  const files = [...flash.keys()].sort().map((name) => {
    const bytes = flash.get(name) ?? new Uint8Array();
    if (name.endsWith('.slot')) return `${name}=${Buffer.from(bytes).toString()}`;
    if (name !== 'link-results') return name;
    const entries = decode(bytes) as readonly { readonly k: number; readonly p?: unknown }[];
    return `${name}=${entries.map(({ k, p }) => `${k}${p === undefined ? '?' : '!'}`).join('')}`;
  });
  return files.join(' ');
}

/** As the agent keeps it (credential-store.ts): a pointer to one of two sealed slots of JSON. */
function leafIn(flash: ReadonlyMap<string, Uint8Array>): Uint8Array | undefined {
  const pointer = flash.get('certificates.slot');
  const sealed = pointer && flash.get(`certificates.${Buffer.from(pointer).toString()}`);
  if (sealed === undefined) return undefined;
  const { chain } = JSON.parse(Buffer.from(sealed.subarray(32)).toString()) as { chain: readonly string[] };
  return Buffer.from(chain[0] ?? '', 'base64');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
