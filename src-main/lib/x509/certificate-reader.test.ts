import { expect, it } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { systemRandom } from '../base/host.ts';
import { must } from '../base/result.ts';
import { createAuthority } from './authority.ts';
import { createCertificateReader, rememberedBytes } from './certificate-reader.ts';
import { readCertificate } from './certificate.ts';
import type { KeyAlgorithm } from './types.ts';

const parts = { clock: manualClock(), random: systemRandom };
const make = async (commonName: string, algorithm: KeyAlgorithm = 'p256'): Promise<Uint8Array> => {
  const request = { commonName, algorithm, validityDays: 3, pathLength: 0 } as const;
  return must(await createAuthority(request, parts)).certificate;
};

it('gives what readCertificate gives, the same each time, and forgets the oldest', async () => {
  const [a, b, c] = [await make('a'), await make('b'), await make('c')];
  const read = createCertificateReader(rememberedBytes(a) + rememberedBytes(b) + 64);
  const first = must(read(a));
  const fresh = must(readCertificate(a));
  expect(first).toEqual({ ...fresh, verifyKey: first.verifyKey });
  expect(first.verifyKey().equals(fresh.verifyKey())).toBe(true);
  expect(must(read(Uint8Array.from(a)))).toBe(first);
  must(read(b));
  expect(must(read(a))).toBe(first);
  must(read(c));
  expect(must(read(a))).toBe(first);
  must(read(b));
  must(read(c));
  expect(must(read(a))).not.toBe(first);
  expect(read(a.subarray(1)).ok).toBe(false);
});

it('remembers by size: a large one takes the place of several, and one that is too large takes none', async () => {
  const small = [await make('a'), await make('b'), await make('c')];
  const large = await make('large', 'rsa2048');
  const limit = small.reduce((sum, der) => sum + rememberedBytes(der), 0);
  const read = createCertificateReader(limit);
  const first = small.map((der) => must(read(der)));
  expect(small.map((der, at) => must(read(der)) === first[at])).toEqual([true, true, true]);
  must(read(large));
  expect(must(read(small[2]!))).toBe(first[2]);
  expect(must(read(small[1]!))).not.toBe(first[1]);
  const narrow = createCertificateReader(rememberedBytes(large) - 1);
  const kept = must(narrow(small[0]!));
  expect(must(narrow(large))).not.toBe(must(narrow(large)));
  expect(must(narrow(small[0]!))).toBe(kept);
});
