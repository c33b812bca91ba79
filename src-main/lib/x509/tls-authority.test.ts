import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { systemClock, systemRandom } from '../base/host.ts';
import { must } from '../base/result.ts';
import { loadOrCreateTlsAuthority } from './tls-authority.ts';

const parts = { clock: systemClock, random: systemRandom };
const names = { slug: 'service', commonName: 'service', dnsNames: [], ipAddresses: ['127.9.1.1'] };
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-tls-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('is the same authority with the same server certificate at every start', async () => {
  const first = must(await loadOrCreateTlsAuthority(folder, parts));
  const shown = must(await first.serverCredential(names));
  const again = must(await loadOrCreateTlsAuthority(folder, parts));
  expect(again.caPem).toBe(first.caPem);
  expect(must(await again.serverCredential(names))).toEqual(shown);
  const leaf = new X509Certificate(shown.certificatePem);
  expect(leaf.checkIP('127.9.1.1')).toBe('127.9.1.1');
  expect(leaf.verify(new X509Certificate(first.caPem).publicKey)).toBe(true);
});

it('is one authority when two programs start at the same time', async () => {
  const both = await Promise.all([loadOrCreateTlsAuthority(folder, parts), loadOrCreateTlsAuthority(folder, parts)]);
  expect(must(both[0]).caPem).toBe(must(both[1]).caPem);
});

it('keeps its keys to its user', async () => {
  const authority = must(await loadOrCreateTlsAuthority(folder, parts));
  must(await authority.serverCredential(names));
  expect(statSync(join(folder, 'ca-key.pem')).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'service.pem')).mode & 0o777).toBe(0o600);
});

it('issues anew when the names change or the end comes near', async () => {
  const authority = must(await loadOrCreateTlsAuthority(folder, parts));
  const shown = must(await authority.serverCredential(names));
  const moved = must(await authority.serverCredential({ ...names, ipAddresses: ['127.9.1.2'] }));
  expect(moved).not.toEqual(shown);
  const later = manualClock(systemClock.nowMs() + 800 * 86_400_000);
  const aged = must(await loadOrCreateTlsAuthority(folder, { ...parts, clock: later }));
  expect(aged.caPem).toBe(authority.caPem);
  expect(must(await aged.serverCredential({ ...names, ipAddresses: ['127.9.1.2'] }))).not.toEqual(moved);
});

it('has a server key of the kind it is asked for, and issues anew when the kind changes', async () => {
  const authority = must(await loadOrCreateTlsAuthority(folder, parts));
  const kinds: (string | undefined)[] = [];
  for (const key of ['rsa', 'p256', 'p256'] as const) {
    const { certificatePem } = must(await authority.serverCredential({ ...names, key }));
    kinds.push(new X509Certificate(certificatePem).publicKey.asymmetricKeyType);
  }
  expect(kinds).toEqual(['rsa', 'ec', 'ec']);
  const kept = must(await authority.serverCredential({ ...names, key: 'p256' }));
  expect(must(await authority.serverCredential({ ...names, key: 'p256' }))).toEqual(kept);
});

it('never replaces a damaged authority by itself', async () => {
  writeFileSync(join(folder, 'ca-key.pem'), 'gone');
  expect(await loadOrCreateTlsAuthority(folder, parts)).toMatchObject({ fault: { code: 'tls-file-damaged' } });
});
