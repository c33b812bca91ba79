/** lib/x509 and the openssl tool judge the same things, and agree. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { Result } from '../../src-main/lib/base/result.ts';
import { createAuthority, createServerCertificate } from '../../src-main/lib/x509/authority.ts';
import { certificateInfo } from '../../src-main/lib/x509/certificate.ts';
import { validateChain } from '../../src-main/lib/x509/chain.ts';
import { checkCsr, createCsr } from '../../src-main/lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../src-main/lib/x509/device-certificate.ts';
import { generateKey, privateKeyToPem, signingKeyFromPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesFromPem, certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import { parseCertificateProfile } from '../../src-main/lib/x509/profile.ts';
import type { KeyAlgorithm } from '../../src-main/lib/x509/types.ts';
import profileData from '../../resources/certificate-profiles/device.json' with { type: 'json' };
import { makeHierarchy, openSsl } from './openssl.ts';
import type { OpenSsl } from './openssl.ts';

const parts = { clock: systemClock, random: systemRandom };
const profile = must(parseCertificateProfile(profileData));
const codeOf = (result: Result<unknown>): string => (result.ok ? 'no fault' : result.fault.code);

let tool: OpenSsl;
beforeAll(() => {
  tool = openSsl();
});
afterAll(() => {
  tool.remove();
});

const pemOf = (name: string): Uint8Array => {
  const [certificate] = certificatesFromPem(tool.get(name).toString());
  if (certificate === undefined) throw new Error(`no certificate in ${name}`);
  return certificate;
};
/** What both say of the chain of three PEM files: true when it holds. */
const verdicts = (leaf: string, between: string, root: string, days = 0) => {
  const nowMs = systemClock.nowMs() + days * 86_400_000;
  const ours = validateChain({ leaf: pemOf(leaf), presented: [pemOf(between)], anchors: [pemOf(root)], nowMs });
  const files = ['-CAfile', tool.path(root), '-untrusted', tool.path(between), tool.path(leaf)];
  const at = String(Math.floor(nowMs / 1000));
  const theirs = tool.attempt('verify', '-attime', at, '-purpose', 'sslclient', ...files);
  return { ours: codeOf(ours), theirs: theirs.code === 0 };
};

describe.each([
  ['p256', 'p256'],
  ['p384', 'rsa2048'],
  ['rsa2048', 'p256'],
] as const)(
  'our hierarchy of %s with devices of %s',
  (authorityAlgorithm: KeyAlgorithm, deviceAlgorithm: KeyAlgorithm) => {
    beforeAll(async () => {
      const plan = { algorithm: authorityAlgorithm, validityDays: 40 };
      const root = must(await createAuthority({ ...plan, commonName: 'Root', pathLength: 1 }, parts));
      const request = { ...plan, commonName: 'Intermediate', pathLength: 0, issuer: root };
      const intermediate = must(await createAuthority(request, parts));
      const key = await generateKey(deviceAlgorithm);
      const csr = must(await createCsr('dev-01', key.key));
      tool.put('device.csr', csr);
      const facts = must(checkCsr(csr, { expectedCommonName: 'dev-01' }));
      const leaf = must(await issueDeviceCertificate(facts, profile, intermediate, parts));
      const names = { dnsNames: ['service.example.net'], ipAddresses: ['127.7.7.7', '::1'] };
      const server = must(
        await createServerCertificate({ ...plan, ...names, commonName: 'service', algorithm: 'rsa2048' }, root, parts),
      );
      tool.put('our-root.pem', certificatesToPem([root.certificate]));
      tool.put('our-ca.pem', certificatesToPem([intermediate.certificate]));
      tool.put('our-leaf.pem', certificatesToPem([leaf]));
      tool.put('our-server.pem', certificatesToPem([server.certificate]));
      tool.put('our-server.key', privateKeyToPem(server.privateKey));
    });

    it('is accepted strictly, by openssl and by us, until it expires', () => {
      expect(verdicts('our-leaf.pem', 'our-ca.pem', 'our-root.pem')).toEqual({ ours: 'no fault', theirs: true });
      expect(verdicts('our-leaf.pem', 'our-ca.pem', 'our-root.pem', 41)).toEqual({
        ours: 'chain-expired',
        theirs: false,
      });
      expect(verdicts('our-leaf.pem', 'our-ca.pem', 'our-root.pem', -1)).toEqual({
        ours: 'chain-not-yet-valid',
        theirs: false,
      });
      const strict = ['verify', '-x509_strict', '-CAfile', tool.path('our-root.pem'), '-untrusted'];
      expect(tool.run(...strict, tool.path('our-ca.pem'), tool.path('our-leaf.pem'))).toContain('OK');
    });

    it('is refused without its intermediate, and as a server', () => {
      expect(verdicts('our-leaf.pem', 'our-leaf.pem', 'our-root.pem')).toEqual({
        ours: 'chain-incomplete',
        theirs: false,
      });
      expect(verdicts('our-server.pem', 'our-ca.pem', 'our-root.pem')).toEqual({
        ours: 'chain-leaf-purpose',
        theirs: false,
      });
    });

    it('gives servers a certificate for their names and addresses', () => {
      const check = (...words: string[]) =>
        tool.attempt('verify', '-CAfile', tool.path('our-root.pem'), ...words, tool.path('our-server.pem')).code;
      expect(check('-verify_ip', '127.7.7.7')).toBe(0);
      expect(check('-verify_ip', '::1')).toBe(0);
      expect(check('-verify_hostname', 'service.example.net')).toBe(0);
      expect(check('-verify_ip', '127.7.7.8')).not.toBe(0);
      const modulus = (kind: string, file: string) => tool.run(kind, '-in', file, '-noout', '-modulus');
      expect(modulus('rsa', 'our-server.key')).toBe(modulus('x509', 'our-server.pem'));
    });

    it('says the same of names, times and thumbprints as openssl', () => {
      const info = must(certificateInfo(pemOf('our-leaf.pem')));
      const said = (...words: string[]) => tool.run('x509', '-in', 'our-leaf.pem', '-noout', ...words).trim();
      const afterEquals = (text: string) => text.slice(text.indexOf('=') + 1).replaceAll(':', '');
      expect(info.sha256Thumbprint).toBe(afterEquals(said('-fingerprint', '-sha256')));
      expect(info.sha1Thumbprint).toBe(afterEquals(said('-fingerprint', '-sha1')));
      expect(info.serialNumber).toBe(afterEquals(said('-serial')));
      expect(said('-enddate', '-dateopt', 'iso_8601')).toBe(`notAfter=${info.notAfterUtc.replace('T', ' ')}`);
      expect(info).toMatchObject({ subjectName: 'CN=dev-01', issuerName: 'CN=Intermediate', version: 3 });
    });

    it('asks by a request that openssl verifies', () => {
      const checked = tool.attempt('req', '-inform', 'der', '-in', 'device.csr', '-verify', '-noout', '-subject');
      expect(checked.text).toMatch(/verify OK/);
      expect(checked.text).toMatch(/CN ?= ?dev-01/);
    });
  },
);

describe('a request and a hierarchy made by openssl', () => {
  beforeAll(() => {
    makeHierarchy(tool, 'p256');
    tool.run('req', '-newkey', 'rsa:2048', '-noenc', '-subj', '/O=Acme/CN=unit-9', '-keyout', 'u.key', '-out', 'u.pem');
    tool.run('req', '-in', 'u.pem', '-outform', 'der', '-out', 'u.csr');
  });

  it('is checked, issued for and accepted', async () => {
    const facts = must(checkCsr(tool.get('u.csr'), { expectedCommonName: 'unit-9' }));
    expect(facts.keyKind).toBe('RSA-2048');
    const issuer = { certificate: pemOf('ca.pem'), key: must(signingKeyFromPem(tool.get('ca.key').toString())) };
    tool.put('unit.pem', certificatesToPem([must(await issueDeviceCertificate(facts, profile, issuer, parts))]));
    expect(verdicts('unit.pem', 'ca.pem', 'root.pem')).toEqual({ ours: 'no fault', theirs: true });
    expect(tool.run('x509', '-in', 'unit.pem', '-noout', '-subject')).toMatch(/O ?= ?Acme, CN ?= ?unit-9/);
  });

  it('is refused with two names, a weak key and a weak hash', () => {
    const request = (subject: string, ...words: string[]) => {
      tool.run('req', ...words, '-noenc', '-subj', subject, '-keyout', 'x.key', '-outform', 'der', '-out', 'x.csr');
      return codeOf(checkCsr(tool.get('x.csr'), { expectedCommonName: 'unit-9' }));
    };
    expect(request('/CN=unit-9/CN=unit-8', '-newkey', 'rsa:2048')).toBe('csr-name-missing');
    expect(request('/O=Acme', '-newkey', 'rsa:2048')).toBe('csr-name-missing');
    expect(request('/CN=unit-9', '-newkey', 'rsa:1024')).toBe('csr-key-refused');
    expect(request('/CN=unit-9', '-newkey', 'ed25519')).toBe('hash-refused');
    expect(request('/CN=unit-9', '-newkey', 'rsa:2048', '-sha1')).toBe('hash-refused');
    expect(request('/CN=unit-9', '-newkey', 'rsa:2048', '-sha512')).toBe('no fault');
  });

  it.each([
    [
      'an authority without keyCertSign',
      'basicConstraints=critical,CA:TRUE\nkeyUsage=digitalSignature\n',
      'chain-key-usage',
    ],
    ['a leaf as authority', 'basicConstraints=critical,CA:FALSE\n', 'chain-issuer-not-authority'],
    [
      'a critical extension that nobody knows',
      'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n1.2.3.4=critical,DER:0500\n',
      'chain-critical-extension',
    ],
  ])('is refused by both with %s', (_what, extensions, code) => {
    tool.put('bad.ext', extensions);
    const by = ['-CA', 'root.pem', '-CAkey', 'root.key', '-days', '9'];
    tool.run('x509', '-req', '-in', 'ca.csr', '-out', 'bad-ca.pem', '-extfile', 'bad.ext', ...by);
    tool.put('leaf.ext', 'basicConstraints=CA:FALSE\n');
    const below = ['-CA', 'bad-ca.pem', '-CAkey', 'ca.key', '-days', '9', '-extfile', 'leaf.ext'];
    tool.run('x509', '-req', '-in', 'u.pem', '-out', 'bad-leaf.pem', ...below);
    expect(verdicts('bad-leaf.pem', 'bad-ca.pem', 'root.pem')).toEqual({ ours: code, theirs: false });
  });

  it('is refused by both when another root of the same name is trusted', () => {
    const by = ['-subj', '/CN=Outside Root', '-noenc', '-keyout', 'twin.key', '-out', 'twin.pem'];
    tool.run('req', '-x509', '-newkey', 'rsa:2048', ...by, '-addext', 'basicConstraints=critical,CA:TRUE');
    const { ours, theirs } = verdicts('unit.pem', 'ca.pem', 'twin.pem');
    expect(['chain-incomplete', 'chain-signature-wrong']).toContain(ours);
    expect(theirs).toBe(false);
  });
});
