/** The rule of dps-wire section 11 that binds every certificate that we issue to a device. */
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { checkCsr } from '../../src-main/lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../src-main/lib/x509/device-certificate.ts';
import { openSsl, type OpenSsl } from '../exams/openssl.ts';
import { makeAuthority } from '../flows/service-devices.ts';

let tool: OpenSsl;
beforeAll(() => {
  tool = openSsl();
});
afterAll(() => {
  tool.remove();
});

it('[rule 23] a device certificate has no DNS name beside its common name, whatever its request asks for', async () => {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', 'key.pem'];
  const wish = ['-subj', '/CN=unit-7', '-addext', 'subjectAltName=DNS:other-unit.example'];
  tool.run('req', ...curve, ...wish, '-outform', 'DER', '-out', 'unit.csr');
  const facts = must(checkCsr(tool.get('unit.csr'), { expectedCommonName: 'unit-7' }));
  const profile = {
    name: 'rules',
    validityDays: 30,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    allowedAlgorithms: ['p256'],
  } as const;
  const parts = { clock: systemClock, random: systemRandom };
  const der = must(await issueDeviceCertificate(facts, profile, await makeAuthority('Line 7'), parts));
  const certificate = new X509Certificate(der);
  expect(certificate.subject).toBe('CN=unit-7');
  expect(certificate.subjectAltName).toBeUndefined();
});
