import { createHash, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/host.ts';
import { silentLog } from '../lib/base/log.ts';
import { must } from '../lib/base/result.ts';
import { createSasToken, keySigner } from '../lib/dps/sas.ts';
import { createAccess } from './access.ts';
import { openHubDatabase } from './hub-database.ts';
import { createRegistry } from './registry.ts';

const key = (fill: number): string => Buffer.alloc(32, fill).toString('base64');

async function tokenOf(deviceId: string, by: string, expiresAtS: number): Promise<string> {
  const wanted = { resource: `hub.test/devices/${deviceId}`, expiresAtS };
  return must(await createSasToken(wanted, keySigner(Buffer.from(by, 'base64'))));
}

it('who is refused is told of by the reason', async () => {
  const der = new X509Certificate(rootCertificates[0] ?? '').raw;
  const thumbprint = createHash('sha256').update(der).digest('hex');
  const other = new X509Certificate(rootCertificates[1] ?? '').raw;
  const database = must(openHubDatabase(':memory:'));
  const keys = must(database.keys(1, () => ({ primaryKey: key(8), secondaryKey: key(9) })));
  // 1970: no certificate of today is valid yet
  const clock = manualClock(0);
  const parts = { store: database.devices(1), clock, random: systemRandom, log: silentLog, tell: () => undefined };
  const registry = createRegistry(parts);
  const byKey = { type: 'sas', symmetricKey: { primaryKey: key(1), secondaryKey: key(2) } };
  const known = must(registry.create('known', { authentication: byKey }));
  const off = must(registry.create('off', { authentication: byKey, status: 'disabled' }));
  const x509Thumbprint = { primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint };
  const byCertificate = must(registry.create('x509', { authentication: { type: 'selfSigned', x509Thumbprint } }));
  const access = createAccess('hub.test', keys, clock);
  const nowS = Math.floor(clock.nowMs() / 1_000);
  const token = (text: string) => ({ token: text, certificate: undefined });
  const certificate = (shown: Uint8Array) => ({ token: '', certificate: shown });
  const right = token(await tokenOf('known', key(2), nowS + 60));
  const wrong = token(await tokenOf('known', key(3), nowS + 60));

  expect(access.admit('known', known, right)).toEqual({
    is: 'admitted',
    admission: { endsAtMs: (nowS + 60 + 300) * 1_000 },
  });
  const judged = [
    access.admit('known', undefined, right),
    access.admit('off', off, token(await tokenOf('off', key(1), nowS + 60))),
    access.admit('known', known, wrong),
    access.admit('known', known, token('')),
    // signed for another device
    access.admit('off', known, right),
    access.admit('x509', byCertificate, wrong),
    access.admit('x509', byCertificate, certificate(other)),
    access.admit('known', known, certificate(der)),
    access.admit('x509', byCertificate, certificate(der)),
  ];
  expect(judged.map((one) => (one.is === 'refused' ? one.why : one.is))).toEqual([
    ...['unknown', 'disabled', 'wrong-key', 'wrong-key', 'wrong-key', 'wrong-key'],
    ...['wrong-certificate', 'wrong-certificate', 'expired'],
  ]);
  await clock.advance(600_000);
  expect(access.admit('known', known, right)).toEqual({ is: 'refused', why: 'expired' });
  expect(access.admit('known', known, wrong)).toEqual({ is: 'refused', why: 'wrong-key' });
  database.close();
});
