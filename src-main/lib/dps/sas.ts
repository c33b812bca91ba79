/** Shared access signatures (dps-wire 1.7 and 7.1): made from a key or a TPM, verified over the raw `sr` text. */
import { decodedOnce } from '../base/percent.ts';
import { hash, timingSafeEqual } from 'node:crypto';
import { fromBase64, toBase64, utf8 } from '../base/bytes.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { dpsFault } from './faults.ts';

/** HMAC-SHA256 of the message under a key the caller may not be able to see. */
export type SasSigner = (message: Uint8Array) => Promise<Result<Uint8Array>>;

export interface SasRequest {
  /** As it goes into `sr` after percent-encoding, such as `{scope}/registrations/{rid}`. */
  readonly resource: string;
  readonly expiresAtS: number;
  /** `skn`; left out when undefined (a hub device signs without one). */
  readonly keyName?: string;
}

/** A policy's or a device's key in base64 as a signer. */
export function keySigner(key: Uint8Array): SasSigner {
  return async (message) => ok(hmacSha256(key, message));
}

export async function createSasToken(request: SasRequest, sign: SasSigner): Promise<Result<string>> {
  const sr = encodeURIComponent(request.resource);
  const signature = await sign(utf8(`${sr}\n${request.expiresAtS}`));
  if (!signature.ok) return signature;
  const skn = request.keyName === undefined ? '' : `&skn=${encodeURIComponent(request.keyName)}`;
  const sig = encodeURIComponent(toBase64(signature.value));
  return ok(`SharedAccessSignature sr=${sr}&sig=${sig}&se=${request.expiresAtS}${skn}`);
}

export interface SasToken {
  /** Exactly as received: what was signed. */
  readonly rawResource: string;
  /** Percent-decoded once. */
  readonly resource: string;
  readonly signature: Uint8Array;
  /** The bytes that it signs. */
  readonly signedBytes: Uint8Array;
  readonly expiresAtS: number;
  /** Empty when absent or empty: some clients leave it out. */
  readonly keyName: string;
}

// The longest real token is some 450 characters (a 128-character id, every character encoded, twice that).
const maxTokenLength = 2_048;

/** Parameters in any order; `skn` may be absent or empty; the scheme word in any case. */
export function parseSasToken(text: string): Result<SasToken> {
  const raw = text.length > maxTokenLength ? undefined : parametersOf(text.trim());
  const token = raw === undefined ? undefined : tokenOf(raw);
  return token === undefined ? failed(dpsFault('sas-unreadable')) : ok(token);
}

function parametersOf(text: string): ReadonlyMap<string, string> | undefined {
  const [, parameters] = /^SharedAccessSignature\s+(\S+)$/i.exec(text) ?? [];
  const raw = new Map<string, string>();
  for (const part of parameters?.split('&') ?? []) {
    const at = part.indexOf('=');
    if (at < 0 || raw.has(part.slice(0, at))) return undefined;
    raw.set(part.slice(0, at), part.slice(at + 1));
  }
  return raw;
}

function tokenOf(raw: ReadonlyMap<string, string>): SasToken | undefined {
  const rawResource = raw.get('sr');
  const resource = decodedOnce(rawResource);
  const signature = fromBase64(decodedOnce(raw.get('sig')) ?? '?');
  const expiry = raw.get('se') ?? '';
  const keyName = decodedOnce(raw.get('skn') ?? '');
  if (rawResource === undefined || resource === undefined || keyName === undefined) return undefined;
  if (signature === undefined || !/^\d{1,12}$/.test(expiry)) return undefined;
  const signedBytes = utf8(`${rawResource}\n${expiry}`);
  return { rawResource, resource, signature, signedBytes, expiresAtS: Number(expiry), keyName };
}

/**
 * Whether a policy's token opens this address (dps-wire 7.1): its resource is the host, or the host with whole segments
 * of the address behind it. Clients write the host with or without scheme and port.
 */
export function resourceCovers(
  resource: string,
  asked: { readonly hosts: readonly string[]; /** As on the wire. */ readonly path: string },
): boolean {
  const [named = '', ...scope] = segmentsOf(resource.replace(/^[a-z]+:\/\//i, ''));
  const path = segmentsOf(asked.path).map((segment) => decodedOnce(segment)?.toLowerCase());
  return (
    asked.hosts.some((host) => withoutPort(named) === withoutPort(host)) &&
    scope.every((segment, at) => segment.toLowerCase() === path[at])
  );
}

function segmentsOf(text: string): readonly string[] {
  return text.split('/').filter((segment) => segment !== '');
}

function withoutPort(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}

export interface SasCheck {
  /** Any of them may have signed: primary and secondary. */
  readonly keys: readonly Uint8Array[];
  readonly nowS: number;
  /** How far a device's clock may be behind ours. */
  readonly skewS: number;
}

// dps-wire 1.7 recommends 5 minutes, which is also what the real service allows.
export const sasSkewS = 300;

/** Constant time in the signature, and every key is tried. The caller has compared the resource and the key name. */
export function verifySasToken(token: SasToken, check: SasCheck): Result<void> {
  const matches = check.keys.filter((key) => isSignedBy(token, key));
  if (matches.length === 0) return failed(dpsFault('sas-wrong'));
  return isExpired(token, check) ? failed(dpsFault('sas-expired')) : ok();
}

/** Constant time. Says nothing of the token's end. */
export function isSignedBy(token: SasToken, key: Uint8Array): boolean {
  return token.signature.length === digestBytes && timingSafeEqual(token.signature, hmacSha256(key, token.signedBytes));
}

export function isExpired(token: SasToken, check: Pick<SasCheck, 'nowS' | 'skewS'>): boolean {
  return token.expiresAtS + check.skewS < check.nowS;
}

const blockBytes = 64;
const digestBytes = 32;

/**
 * RFC 2104 over one-shot hashes: a token without an owner is tried against hundreds of keys, and an object of Node's for
 * each of them costs four times as much.
 */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  const padded = key.length > blockBytes ? sha256(key) : key;
  const inner = new Uint8Array(blockBytes + message.length).fill(0x36, 0, blockBytes);
  const outer = new Uint8Array(blockBytes + digestBytes).fill(0x5c, 0, blockBytes);
  for (let at = 0; at < padded.length; at += 1) {
    const byte = padded[at] ?? 0;
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
  inner.set(message, blockBytes);
  outer.set(sha256(inner), blockBytes);
  return sha256(outer);
}

/** As text of one byte a character: Node takes twice as long to answer with a buffer. */
function sha256(bytes: Uint8Array): Uint8Array {
  const text = hash('sha256', bytes, 'binary');
  const digest = new Uint8Array(digestBytes);
  for (let at = 0; at < digestBytes; at += 1) digest[at] = text.charCodeAt(at);
  return digest;
}
