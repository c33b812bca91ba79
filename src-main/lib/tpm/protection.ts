/** The two tools under credential protection: KDFa (Part 1, clause 11.4.10.2) and AES-128-CFB with a zero IV. */
import { createCipheriv, createDecipheriv, createSecretKey, hash } from 'node:crypto';
import { concatBytes, uint32, utf8 } from '../base/bytes.ts';

const zeroIv = new Uint8Array(16);

export interface KdfInput {
  readonly key: Uint8Array;
  readonly label: 'STORAGE' | 'INTEGRITY';
  readonly contextU?: Uint8Array;
  /** At most 256: one block of HMAC-SHA256 is all that is ever needed here. */
  readonly bits: number;
}

/** One block of KDFa with SHA-256; the label carries its terminating zero. */
export function kdfa(input: KdfInput): Uint8Array<ArrayBuffer> {
  if (input.bits > 256) throw new Error('KDFa of more than one block');
  const message = concatBytes(
    uint32(1),
    utf8(input.label),
    Uint8Array.of(0),
    input.contextU ?? new Uint8Array(0),
    uint32(input.bits),
  );
  return hmacSha256(input.key, message).slice(0, input.bits / 8);
}

const blockBytes = 64;

/** RFC 2104 over one-shot hashes: an object of Node's for each takes several times as long, and one blob needs six. */
export function hmacSha256(key: Uint8Array, ...message: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const padded = key.length > blockBytes ? sha256(key) : key;
  const inner = new Uint8Array(blockBytes).fill(0x36);
  const outer = new Uint8Array(blockBytes).fill(0x5c);
  for (let at = 0; at < padded.length; at += 1) {
    const byte = padded[at] ?? 0;
    inner[at] = byte ^ 0x36;
    outer[at] = byte ^ 0x5c;
  }
  return sha256(outer, sha256(inner, ...message));
}

export function sha256(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  // As text of one byte a character: Node takes twice as long to answer with a buffer.
  const digest = hash('sha256', concatBytes(...parts), 'binary');
  const bytes = new Uint8Array(digest.length);
  for (let at = 0; at < digest.length; at += 1) bytes[at] = digest.charCodeAt(at);
  return bytes;
}

// A key that comes as bytes costs Node a thrown exception each time, to find that it is no key object: half of the work
// of so few blocks. CFB is a stream: `update` gives as many bytes as it takes, and nothing is left for the end.
export function encryptCfb(key: Uint8Array, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createCipheriv('aes-128-cfb', createSecretKey(key), zeroIv).update(plain));
}

export function decryptCfb(key: Uint8Array, encrypted: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createDecipheriv('aes-128-cfb', createSecretKey(key), zeroIv).update(encrypted));
}
