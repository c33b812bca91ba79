import { expect, it } from 'vitest';
import { factsOf } from '../../../test/exams/certificate-facts.ts';
import { systemClock, systemRandom } from '../base/host.ts';
import { must } from '../base/result.ts';
import { createAuthority, createServerCertificate } from './authority.ts';
import { ordinaryFields } from './certificate-fields.ts';
import { readCertificate } from './certificate.ts';
import { checkCsr, createCsr } from './csr.ts';
import { membersOf, readSequence } from './der.ts';
import { issueDeviceCertificate } from './device-certificate.ts';
import { generateKey } from './keys.ts';
import { X509Certificate } from './peculiar.ts';

const parts = { clock: systemClock, random: systemRandom };
const authority = must(
  await createAuthority({ commonName: 'Line 7, hall 2', algorithm: 'p256', validityDays: 30, pathLength: 1 }, parts),
);

async function leaf(name: string): Promise<Uint8Array> {
  const { key } = await generateKey('p256');
  const facts = must(checkCsr(must(await createCsr(name, key)), { expectedCommonName: name }));
  const usages = { keyUsage: ['digitalSignature', 'keyAgreement'], extendedKeyUsage: ['clientAuth'] } as const;
  const profile = { name: 'test', ...usages, allowedAlgorithms: ['p256'], validityDays: 3 } as const;
  return must(await issueDeviceCertificate(facts, profile, authority, parts));
}

const fieldsOf = (certificate: Uint8Array) => ordinaryFields(membersOf(readSequence(certificate)?.[0]));

it('reads what the general parser reads', async () => {
  for (const certificate of [authority.certificate, await leaf('press-17'), await leaf('Pump_9:a.b')]) {
    const general = new X509Certificate(Uint8Array.from(certificate));
    const read = must(readCertificate(certificate));
    expect(fieldsOf(certificate)).toEqual(factsOf(certificate));
    expect([read.subject, read.issuer]).toEqual([general.subject, general.issuer]);
  }
  expect(fieldsOf(authority.certificate)).toMatchObject({ isAuthority: true, pathLength: 1 });
});

it('leaves to the general parser what has an extension that it does not read', async () => {
  const terms = { commonName: 'hub', dnsNames: ['hub.example'], ipAddresses: [], validityDays: 3 } as const;
  const server = must(await createServerCertificate({ ...terms, algorithm: 'p256' }, authority, parts));
  const [certificate] = server.chain;
  expect(certificate && fieldsOf(certificate)).toBeUndefined();
  expect(must(readCertificate(server.chain[0] ?? new Uint8Array())).commonNames).toEqual(['hub']);
});

it('of a certificate with one byte changed, reads what the general parser reads, or nothing', async () => {
  const certificate = await leaf('press-17');
  let same = 0;
  for (let at = 0; at < certificate.length; at += 1) {
    for (const change of [1, 0x80]) {
      const changed = Uint8Array.from(certificate);
      changed[at] = (changed[at] ?? 0) ^ change;
      const fields = fieldsOf(changed);
      const read = readCertificate(changed);
      if (fields === undefined || !read.ok || !read.value.keyFacts.isStrong) continue;
      expect({ at, ...factsOf(changed) }).toEqual({ at, ...fields });
      same += 1;
    }
  }
  expect(same).toBeGreaterThan(300);
});
