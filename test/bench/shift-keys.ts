/**
 * Endorsement keys for thousands of software TPMs: each has a modulus of its own, but they are made from a small stock of
 * primes, since 10,000 proper RSA keys would take most of an hour. They are good for measuring and for nothing else.
 */
import { createPrivateKey, generatePrime, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import type { TpmTransport } from '../../src-main/lib/tpm/types.ts';
import { runCommand } from '../../src-main/agent/tpm/software/dispatch.ts';
import { createMemory } from '../../src-main/agent/tpm/software/memory.ts';
import { emptyState, type Primary } from '../../src-main/agent/tpm/software/state.ts';

const prime = (): Promise<bigint> =>
  new Promise((resolve, reject) => {
    generatePrime(1_024, { bigint: true }, (error, found) => {
      if (error instanceof Error) reject(error);
      else resolve(found);
    });
  });
const exponent = 65_537n;

export interface TpmStock {
  /** The `at`th TPM: no other one has its endorsement key. Its storage root key is that of all. */
  tpm(at: number, stateFile: string): TpmTransport;
}

/** @param units how many different ones there can be */
export async function stockTpms(folder: string, units: number): Promise<TpmStock> {
  // Every pair of primes is a key: k primes make k(k-1)/2.
  const count = Math.ceil((1 + Math.sqrt(1 + 8 * units)) / 2);
  const primes: bigint[] = [];
  while (primes.length < count) primes.push(await usablePrime());
  const [ek, srk] = await primariesOf(join(folder, 'stock.json'));
  return {
    tpm(at, stateFile) {
      const [one, other] = pairAt(at);
      const own = { ...ek, privateKey: keyOf(primes[one] ?? 0n, primes[other] ?? 0n), seed: randomBytes(32) };
      const memory = createMemory(stateFile, { ...emptyState, primaries: [own, srk] });
      return { transmit: async (command) => ok(await runCommand(memory, command)) };
    },
  };
}

async function usablePrime(): Promise<bigint> {
  const found = await prime();
  return (found - 1n) % exponent === 0n ? usablePrime() : found;
}

/** What a run makes of the two templates, endorsement key first. */
async function primariesOf(file: string): Promise<readonly [Primary, Primary]> {
  const memory = createMemory(file, emptyState);
  must(
    await readTpmIdentity(
      createTpm({ transmit: async (command) => ok(await runCommand(memory, command)) }, systemClock),
    ),
  );
  const [ek, srk] = memory.state.primaries;
  if (ek === undefined || srk === undefined) throw new Error('a TPM identity has two keys');
  return [ek, srk];
}

/** 0: (0, 1); 1: (0, 2); 2: (1, 2); 3: (0, 3); and so on. */
function pairAt(at: number): readonly [number, number] {
  const high = Math.floor((1 + Math.sqrt(1 + 8 * at)) / 2);
  return [at - (high * (high - 1)) / 2, high];
}

function keyOf(p: bigint, q: bigint): Uint8Array {
  const phi = (p - 1n) * (q - 1n);
  // e is small: d = (1 + k phi) / e for the k that makes it whole.
  const k = (exponent - inverse(phi % exponent, exponent)) % exponent;
  const d = (1n + k * phi) / exponent;
  const text = (value: bigint): string => Buffer.from(hex(value), 'hex').toString('base64url');
  const parts = { n: text(p * q), e: text(exponent), d: text(d), p: text(p), q: text(q) };
  const crt = { dp: text(d % (p - 1n)), dq: text(d % (q - 1n)), qi: text(inverse(q % p, p)) };
  const key = createPrivateKey({ key: { kty: 'RSA', ...parts, ...crt }, format: 'jwk' });
  return Uint8Array.from(key.export({ format: 'der', type: 'pkcs8' }));
}

function hex(value: bigint): string {
  const digits = value.toString(16);
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1, t0, t1] = [modulus, value, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, t0, t1] = [r1, r0 - quotient * r1, t1, t0 - quotient * t1];
  }
  return ((t0 % modulus) + modulus) % modulus;
}
