/** Runs what a request asks for on the device, and reads its objects: parcel contents in, parcel contents out. */
import { equalBytes } from '../base/bytes.ts';
import { failed, ok, unreachable, type Result } from '../base/result.ts';
import { decodeMap, textAt } from './cbor-map.ts';
import { faultOfDevice } from './device-faults.ts';
import {
  certificatesHash,
  decodeChain,
  decodeSettings,
  encodeChain,
  encodeInfo,
  encodeLock,
  encodeRetire,
  encodeSettings,
  encodeStatus,
  heldHashes,
  isKeyAlgorithm,
  objects,
  requestKinds,
  settingsHash,
  type ObjectNumber,
  type RequestKind,
} from './messages.ts';
import { sha256 } from './parcel.ts';
import type { LinkDevice } from './types.ts';

/** Longest subject common name that X.520 allows (ub-common-name). */
const maxCommonNameLength = 64;

export function isSupported(device: LinkDevice, kind: RequestKind): boolean {
  switch (kind) {
    case requestKinds.tpm:
      return device.tpmTransmit !== undefined;
    case requestKinds.generateKey:
      return device.generateKey !== undefined;
    case requestKinds.createCsr:
      return device.createCsr !== undefined;
    case requestKinds.retire:
      return device.retire !== undefined;
    case requestKinds.lock:
      return device.lock !== undefined;
    case requestKinds.certificates:
    case requestKinds.settings:
    case requestKinds.boot:
      return true;
    default:
      return unreachable(kind);
  }
}

export interface DeskOrder {
  readonly requestId: string;
  readonly kind: RequestKind;
  readonly content: Uint8Array;
}

/** [LINK-7.4] What a locked device refuses whoever asks; a key it refuses by itself, since it gives an old one again. */
const closedByLock: ReadonlySet<RequestKind> = new Set([
  requestKinds.certificates,
  requestKinds.settings,
  requestKinds.retire,
]);

/** [LINK-6.3] The value of the result, or the device's fault. */
export async function runOrder(device: LinkDevice, order: DeskOrder): Promise<Result<Uint8Array>> {
  const isRefused = closedByLock.has(order.kind) && (await device.info()).isLocked === true;
  return isRefused ? failed(faultOfDevice('device-locked')) : performOrder(device, order);
}

function performOrder(device: LinkDevice, order: DeskOrder): Promise<Result<Uint8Array>> {
  switch (order.kind) {
    case requestKinds.tpm:
      return device.tpmTransmit?.(order.content) ?? unsupported();
    case requestKinds.generateKey:
      return generateKey(device, order);
    case requestKinds.createCsr:
      return createCsr(device, order);
    case requestKinds.certificates:
      return storeCertificates(device, order.content);
    case requestKinds.settings:
      return storeSettings(device, order.content);
    case requestKinds.boot:
      return boot(device);
    case requestKinds.retire:
      return retire(device, order.content);
    case requestKinds.lock:
      return lock(device, order.content);
    default:
      return unreachable(order.kind);
  }
}

async function generateKey(device: LinkDevice, { requestId, content }: DeskOrder): Promise<Result<Uint8Array>> {
  const algorithm = decodeMap(content)?.get('alg');
  if (!isKeyAlgorithm(algorithm)) return failed(faultOfDevice('unknown-algorithm'));
  return device.generateKey?.(requestId, algorithm) ?? unsupported();
}

async function createCsr(device: LinkDevice, { requestId, content }: DeskOrder): Promise<Result<Uint8Array>> {
  const map = decodeMap(content);
  const commonName = map && textAt(map, 'cn', maxCommonNameLength);
  if (commonName === undefined || commonName === '') return failed(faultOfDevice('bad-subject'));
  return device.createCsr?.(requestId, commonName) ?? unsupported();
}

async function boot(device: LinkDevice): Promise<Result<Uint8Array>> {
  const booted = await device.boot();
  return booted.ok ? ok(new Uint8Array(0)) : booted;
}

/** [LINK-6.7] The answer is the hash of what is read back, not of what arrived. */
async function storeCertificates(device: LinkDevice, content: Uint8Array): Promise<Result<Uint8Array>> {
  const chain = decodeChain(content);
  if (chain === undefined || chain.length === 0) return failed(faultOfDevice('bad-chain'));
  const stored = await device.storeCertificates(chain);
  if (!stored.ok) return stored;
  const held = await device.certificates();
  return held.ok ? ok(certificatesHash(held.value)) : held;
}

async function storeSettings(device: LinkDevice, content: Uint8Array): Promise<Result<Uint8Array>> {
  const settings = decodeSettings(content);
  if (settings === undefined) return failed(faultOfDevice('bad-settings'));
  const stored = await device.storeSettings(settings);
  if (!stored.ok) return stored;
  const held = await device.settings();
  if (!held.ok) return held;
  return held.value === undefined ? failed(faultOfDevice('nothing-held')) : ok(settingsHash(held.value));
}

/** [LINK-7.2] Only beside the very credential that the station verified; the answer is what is held afterwards. */
async function retire(device: LinkDevice, content: Uint8Array): Promise<Result<Uint8Array>> {
  const verified = await device.certificates();
  if (!verified.ok) return verified;
  const isVerified = verified.value.length > 0 && equalBytes(content, encodeRetire(verified.value));
  if (!isVerified) return failed(faultOfDevice('holds-other'));
  const retired = await (device.retire?.() ?? unsupported());
  if (!retired.ok) return retired;
  const held = await device.certificates();
  return held.ok ? ok(certificatesHash(held.value)) : held;
}

/** [LINK-7.3] What is locked is what the station verified, and nothing else. */
async function lock(device: LinkDevice, content: Uint8Array): Promise<Result<Uint8Array>> {
  const [chain, settings] = [await device.certificates(), await device.settings()];
  if (!chain.ok) return chain;
  if (!settings.ok) return settings;
  const held = encodeLock(heldHashes(chain.value, settings.value));
  if (!equalBytes(content, held)) return failed(faultOfDevice('holds-other'));
  const locked = await (device.lock?.() ?? unsupported());
  return locked.ok ? ok(sha256(held)) : locked;
}

/** [LINK-5.1] The content of an object, as it is now. */
export async function readObject(device: LinkDevice, object: ObjectNumber): Promise<Result<Uint8Array>> {
  switch (object) {
    case objects.info:
      return ok(encodeInfo(await device.info()));
    case objects.status:
      return ok(encodeStatus(await device.status()));
    case objects.certificates: {
      const held = await device.certificates();
      return held.ok ? ok(encodeChain(held.value)) : held;
    }
    case objects.settings: {
      const held = await device.settings();
      if (!held.ok) return held;
      return ok(held.value === undefined ? new Uint8Array(0) : encodeSettings(held.value));
    }
    default:
      return unreachable(object);
  }
}

async function unsupported(): Promise<Result<never>> {
  return failed(faultOfDevice('unsupported'));
}
