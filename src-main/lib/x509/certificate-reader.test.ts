import { expect, it } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { systemRandom } from '../base/host.ts';
import { must } from '../base/result.ts';
import { createAuthority } from './authority.ts';
import { createCertificateReader } from './certificate-reader.ts';
import { readCertificate } from './certificate.ts';

it('gives what readCertificate gives, the same each time, and forgets the oldest', async () => {
  const parts = { clock: manualClock(), random: systemRandom };
  const make = async (commonName: string): Promise<Uint8Array> => {
    const request = { commonName, algorithm: 'p256', validityDays: 3, pathLength: 0 } as const;
    return must(await createAuthority(request, parts)).certificate;
  };
  const [a, b, c] = [await make('a'), await make('b'), await make('c')];
  const read = createCertificateReader(2);
  const first = must(read(a));
  expect(first).toEqual(must(readCertificate(a)));
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
