/** Our management group: its commands, objects, request kinds and errors [LINK-5], and what its parcels hold. */
import { keyAlgorithms, type CertificateChain, type KeyAlgorithm } from '../x509/types.ts';
import { concatBytes } from '../base/bytes.ts';
import { bytesAt, decodeMap, encodeMap, listAt, textAt, uintAt } from './cbor-map.ts';
import { maxChainLength } from './limits.ts';
import { sha256 } from './parcel.ts';
import {
  attestationKinds,
  deviceStates,
  finishingKinds,
  type AttestationKind,
  type DeviceInfo,
  type DeviceSettings,
  type DeviceStatus,
  type DeviceTraits,
  type FinishingKind,
} from './types.ts';

export const osGroup = { id: 0, echo: 0, parameters: 6 } as const;
/** [LINK-5.1] 64 is the first group id that MCUmgr leaves to applications. */
export const benchGroup = { id: 64, read: 0, send: 1, ask: 2 } as const;
const linkVersion = 1;

/** [LINK-5.1] What `read` can fetch. */
export const objects = { info: 0, status: 1, certificates: 2, settings: 3 } as const;
export type ObjectNumber = (typeof objects)[keyof typeof objects];

/** [LINK-6.3] What `send` can ask for. */
export const requestKinds = {
  tpm: 0,
  generateKey: 1,
  createCsr: 2,
  certificates: 3,
  settings: 4,
  boot: 5,
  retire: 6,
  lock: 7,
} as const;
export type RequestKind = (typeof requestKinds)[keyof typeof requestKinds];

/** [LINK-6.2] */
export const requestStates = { receiving: 0, running: 1, done: 2 } as const;

/** [LINK-5.6] `rc` inside `err` of our group. */
export const benchErrors = {
  malformed: 2,
  offset: 3,
  hash: 4,
  tooLong: 5,
  unknownRequest: 6,
  busy: 7,
  unsupported: 8,
  interrupted: 9,
  idReused: 10,
  internal: 11,
} as const;

/** MCUmgr's own codes (`mcumgr_err_t`), used outside groups. */
export const smpErrors = { invalid: 3, notSupported: 8, tooOld: 12 } as const;

// Bounds of texts: a label, a URL or a sentence; nothing a person reads is longer.
const maxNameLength = 128;
const maxSentenceLength = 400;
const maxKinds = 16;

// --- device info [LINK-5.2]

export function encodeInfo(info: DeviceTraits): Uint8Array {
  return encodeMap({
    v: linkVersion,
    model: info.model,
    sn: info.serialNumber,
    fw: info.firmware,
    att: info.attestations,
    alg: info.keyAlgorithms,
    fin: info.finishing,
    lock: info.isLocked,
    cred: info.holdsCredential,
  });
}

export function decodeInfo(content: Uint8Array, bufferBytes: number): DeviceInfo | undefined {
  const map = decodeMap(content);
  if (map === undefined) return undefined;
  const version = uintAt(map, 'v', 255);
  const model = textAt(map, 'model', maxNameLength);
  const firmware = textAt(map, 'fw', maxNameLength);
  const serialNumber = textAt(map, 'sn', maxNameLength);
  const attestations = listAt(map, 'att', maxKinds, isAttestationKind);
  const algorithms = listAt(map, 'alg', maxKinds, isKeyAlgorithm);
  if (version === undefined || model === undefined || firmware === undefined) return undefined;
  const finishing = listAt(map, 'fin', maxKinds, isFinishingKind);
  if (attestations === undefined || (map.has('sn') && serialNumber === undefined)) return undefined;
  return {
    model,
    firmware,
    linkVersion: version,
    attestations,
    keyAlgorithms: algorithms ?? [],
    bufferBytes,
    finishing: finishing ?? [],
    isLocked: map.get('lock') === true,
    holdsCredential: map.get('cred') === true,
    ...(serialNumber === undefined ? {} : { serialNumber }),
  };
}

function isAttestationKind(value: unknown): value is AttestationKind {
  return attestationKinds.some((kind) => kind === value);
}

function isFinishingKind(value: unknown): value is FinishingKind {
  return finishingKinds.some((kind) => kind === value);
}

export function isKeyAlgorithm(value: unknown): value is KeyAlgorithm {
  return keyAlgorithms.some((algorithm) => algorithm === value);
}

// --- status [LINK-5.5]

export function encodeStatus(status: DeviceStatus): Uint8Array {
  return encodeMap({
    state: status.state,
    reg: status.registrationId,
    hub: status.assignedHub,
    dev: status.deviceId,
    fault: status.fault?.replace(/\p{Cc}/gu, ' ').slice(0, maxSentenceLength),
  });
}

export function decodeStatus(content: Uint8Array): DeviceStatus | undefined {
  const map = decodeMap(content);
  const state = deviceStates.find((known) => known === map?.get('state'));
  if (map === undefined || state === undefined) return undefined;
  const registrationId = textAt(map, 'reg', maxNameLength);
  const assignedHub = textAt(map, 'hub', maxSentenceLength);
  const deviceId = textAt(map, 'dev', maxNameLength);
  const fault = textAt(map, 'fault', maxSentenceLength);
  return {
    state,
    ...(registrationId === undefined ? {} : { registrationId }),
    ...(assignedHub === undefined ? {} : { assignedHub }),
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(fault === undefined ? {} : { fault }),
  };
}

// --- certificates [LINK-5.3]

/** The certificates one after another; DER says itself where each ends. */
export function encodeChain(chain: CertificateChain): Uint8Array {
  return concatBytes(...chain);
}

/** Undefined when the bytes are not a row of at most `maxChainLength` DER SEQUENCEs. */
export function decodeChain(content: Uint8Array): CertificateChain | undefined {
  const chain: Uint8Array[] = [];
  let at = 0;
  while (at < content.length) {
    const length = sequenceLength(content.subarray(at));
    if (length === undefined || chain.length === maxChainLength) return undefined;
    chain.push(content.slice(at, at + length));
    at += length;
  }
  return chain;
}

/** X.690 clause 8.1.3, definite form with shortest length; undefined when it is not one or runs past the end. */
function sequenceLength(bytes: Uint8Array): number | undefined {
  const [tag, lead = 0] = bytes;
  if (tag !== 0x30 || bytes.length < 2) return undefined;
  const lengthBytes = lead < 0x80 ? 0 : lead & 0x7f;
  // Two length bytes carry 64 KiB, more than any parcel.
  if (lead === 0x80 || lengthBytes > 2) return undefined;
  const content = bytes.subarray(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
  const least = lengthBytes === 1 ? 0x80 : 0x100;
  if (lengthBytes > 0 && content < least) return undefined;
  const total = 2 + lengthBytes + (lengthBytes === 0 ? lead : content);
  return total <= bytes.length ? total : undefined;
}

/** What `writeCertificates` answers when the device holds this chain. */
export function certificatesHash(chain: CertificateChain): Uint8Array {
  return sha256(encodeChain(chain));
}

// --- settings [LINK-5.4]

export function encodeSettings(settings: DeviceSettings): Uint8Array {
  return encodeMap({
    reg: settings.registrationId,
    scope: settings.idScope,
    host: settings.endpoint,
    roots: settings.trustedRoots,
  });
}

export function decodeSettings(content: Uint8Array): DeviceSettings | undefined {
  const map = decodeMap(content);
  if (map === undefined) return undefined;
  const registrationId = textAt(map, 'reg', maxNameLength);
  const idScope = textAt(map, 'scope', maxNameLength);
  const endpoint = textAt(map, 'host', maxSentenceLength);
  const roots = listAt(map, 'roots', maxChainLength, (root) => root instanceof Uint8Array);
  if (registrationId === undefined || idScope === undefined || endpoint === undefined) return undefined;
  // Who accepted these would pass as written, and never find its service.
  if ([registrationId, idScope, endpoint].some((text) => text.trim() === '')) return undefined;
  if (map.has('roots') && roots === undefined) return undefined;
  const trustedRoots = roots?.map((root) => Uint8Array.from(root));
  return { registrationId, idScope, endpoint, ...(trustedRoots === undefined ? {} : { trustedRoots }) };
}

/** What `writeSettings` answers when the device holds these settings. */
export function settingsHash(settings: DeviceSettings): Uint8Array {
  return sha256(encodeSettings(settings));
}

// --- retire and lock [LINK-7]

export function encodeRetire(chain: CertificateChain): Uint8Array {
  return encodeMap({ c: certificatesHash(chain) });
}

/** `c` and `s`: hashes of what the unit holds, of nothing where it holds nothing [LINK-7.3]. */
export function encodeLock(held: HeldHashes): Uint8Array {
  return encodeMap({ c: held.certificates, s: held.settings });
}

export interface HeldHashes {
  readonly certificates: Uint8Array;
  readonly settings: Uint8Array;
}

export function heldHashes(chain: CertificateChain, settings: DeviceSettings | undefined): HeldHashes {
  return {
    certificates: certificatesHash(chain),
    settings: settings === undefined ? sha256(new Uint8Array(0)) : settingsHash(settings),
  };
}

// --- results [LINK-6.4]

export type RequestResult =
  | { readonly at: 'done'; readonly value: Uint8Array }
  | { readonly at: 'failed'; readonly code: string; readonly message: string };

export function encodeResult(result: RequestResult): Uint8Array {
  if (result.at === 'done') return encodeMap({ v: result.value });
  return encodeMap({
    c: result.code.slice(0, maxNameLength),
    m: result.message.replace(/\p{Cc}/gu, ' ').slice(0, maxSentenceLength),
  });
}

export function decodeResult(content: Uint8Array): RequestResult | undefined {
  const map = decodeMap(content);
  if (map === undefined) return undefined;
  const value = bytesAt(map, 'v');
  if (value !== undefined) return { at: 'done', value };
  const code = textAt(map, 'c', maxNameLength);
  const message = textAt(map, 'm', maxSentenceLength);
  return code === undefined || message === undefined ? undefined : { at: 'failed', code, message };
}
