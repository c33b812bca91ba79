/** Private keys: made, read, and shut away behind `SigningKey`. */
import { createPrivateKey, createPublicKey, generateKeyPair, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { x509Fault } from './faults.ts';
import { toPem } from './pem.ts';
import { publicKeyFacts } from './public-key.ts';
import type { KeyAlgorithm, SigningKey } from './types.ts';

export interface KeyPair {
  readonly key: SigningKey;
  /** PKCS#8 DER, unencrypted: for whoever keeps it, never for a log. */
  readonly privateKey: Uint8Array;
}

type NodePair = { readonly privateKey: Buffer; readonly publicKey: Buffer };

const der = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
} as const;
const curveNames = { p256: 'P-256', p384: 'P-384' } as const;
const modulusBits = { rsa2048: 2048, rsa3072: 3072, rsa4096: 4096 } as const;

export async function generateKey(algorithm: KeyAlgorithm): Promise<KeyPair> {
  const pair = await generateNodePair(algorithm);
  const read = signingKeyFromPkcs8(pair.privateKey);
  if (!read.ok) throw new Error('a key just made cannot be read');
  return { key: read.value, privateKey: new Uint8Array(pair.privateKey) };
}

function generateNodePair(algorithm: KeyAlgorithm): Promise<NodePair> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, publicKey: Buffer, privateKey: Buffer): void => {
      if (error === null) resolve({ publicKey, privateKey });
      else reject(error);
    };
    if (algorithm === 'p256' || algorithm === 'p384') {
      generateKeyPair('ec', { namedCurve: curveNames[algorithm], ...der }, done);
    } else {
      generateKeyPair('rsa', { modulusLength: modulusBits[algorithm], ...der }, done);
    }
  });
}

/** The key stays in the closure: what comes back can only sign. */
export function signingKeyFromPkcs8(privateKey: Uint8Array): Result<SigningKey> {
  try {
    return signingKeyOf(createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' }));
  } catch {
    // The reason of the crypto library could quote the input.
    return failed(x509Fault('key-malformed'));
  }
}

/** PKCS#8, PKCS#1 or SEC 1 in PEM. */
export function signingKeyFromPem(text: string): Result<SigningKey> {
  try {
    return signingKeyOf(createPrivateKey({ key: text, format: 'pem' }));
  } catch {
    return failed(x509Fault('key-malformed'));
  }
}

/** A key in PEM, encrypted or not, as PKCS#8 in PEM without a passphrase: to be handed to whoever keeps it. */
export function openedPrivateKey(text: string, passphrase: string | undefined): Result<string> {
  try {
    const key = createPrivateKey({ key: text, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
    return ok(key.export({ type: 'pkcs8', format: 'pem' }).toString());
  } catch {
    // The reason of the crypto library could quote the input.
    return failed(x509Fault('key-malformed'));
  }
}

/** For TLS options and files: PKCS#8 in PEM. */
export function privateKeyToPem(privateKey: Uint8Array): string {
  return toPem('PRIVATE KEY', privateKey);
}

function signingKeyOf(privateKey: KeyObject): Result<SigningKey> {
  const publicKey = new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }));
  const facts = publicKeyFacts(publicKey);
  const algorithm = facts?.algorithm;
  if (algorithm === undefined) return failed(x509Fault('key-refused', { kind: facts?.kind ?? 'unknown' }));
  const hash = hashFor(algorithm);
  return ok(
    Object.freeze({
      algorithm,
      publicKey,
      sign: (message: Uint8Array) =>
        new Promise<Result<Uint8Array>>((resolve) => {
          sign(hash, message, privateKey, (error, signature) => {
            resolve(error === null ? ok(new Uint8Array(signature)) : failed(x509Fault('sign-failed')));
          });
        }),
    }),
  );
}

function hashFor(algorithm: KeyAlgorithm): 'sha256' | 'sha384' {
  return algorithm === 'p384' ? 'sha384' : 'sha256';
}

/** Whether the private key (PKCS#8) is the one of this SubjectPublicKeyInfo. */
export function privateKeyMatches(privateKey: Uint8Array, spki: Uint8Array): boolean {
  try {
    const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' });
    return createPublicKey(key).equals(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
  } catch {
    return false;
  }
}
