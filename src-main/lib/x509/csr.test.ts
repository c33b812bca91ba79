import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { systemRandom } from '../base/host.ts';
import { must } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { createAuthority } from './authority.ts';
import type { Credential } from './authority.ts';
import { readCertificate } from './certificate.ts';
import { checkCsr, createCsr } from './csr.ts';
import { der, derOid, readDer, readDerList, readOid } from './der.ts';
import { issueDeviceCertificate } from './device-certificate.ts';
import { generateKey, privateKeyMatches, signingKeyFromPkcs8 } from './keys.ts';
import type { KeyPair } from './keys.ts';
import { certificateFromPemOrBase64, fromPem, toPem } from './pem.ts';
import { parseCertificateProfile } from './profile.ts';
import { publicKeyFacts } from './public-key.ts';
import type { SigningKey } from './types.ts';

const clock = manualClock();
const parts = { clock, random: systemRandom };
const profileData = {
  name: 'device',
  validityDays: 100,
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['clientAuth'],
  allowedAlgorithms: ['p256'],
};
const codeOf = (result: Result<unknown>): string => (result.ok ? 'no fault' : result.fault.code);

let pair: KeyPair;
beforeAll(async () => {
  pair = await generateKey('p256');
});

describe('a certificate request', () => {
  it.each(['p256', 'p384', 'rsa2048'] as const)('made with a %s key passes its own check', async (algorithm) => {
    const made = await generateKey(algorithm);
    const facts = must(checkCsr(must(await createCsr('unit-7', made.key)), { expectedCommonName: 'unit-7' }));
    expect(facts).toMatchObject({ commonName: 'unit-7', publicKey: made.key.publicKey });
  });

  it('is refused for another name, in another case too', async () => {
    const csr = must(await createCsr('unit-7', pair.key));
    expect(codeOf(checkCsr(csr, { expectedCommonName: 'unit-8' }))).toBe('csr-name-mismatch');
    expect(codeOf(checkCsr(csr, { expectedCommonName: 'UNIT-7' }))).toBe('csr-name-mismatch');
  });

  it('is refused when another key signed it', async () => {
    const thief = await generateKey('p256');
    const mixed: SigningKey = { ...pair.key, sign: (message) => thief.key.sign(message) };
    expect(codeOf(checkCsr(must(await createCsr('unit-7', mixed)), { expectedCommonName: 'unit-7' }))).toBe(
      'csr-signature-wrong',
    );
  });

  it('is refused when its key is weak or not of the allowed kinds', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const publicKey = new Uint8Array(weak.publicKey.export({ type: 'spki', format: 'der' }));
    const posing: SigningKey = { ...pair.key, publicKey };
    const csr = must(await createCsr('unit-7', posing));
    expect(codeOf(checkCsr(csr, { expectedCommonName: 'unit-7' }))).toBe('csr-key-refused');
    const sound = must(await createCsr('unit-7', pair.key));
    const rsaOnly = { expectedCommonName: 'unit-7', allowedAlgorithms: ['rsa2048'] } as const;
    expect(codeOf(checkCsr(sound, rsaOnly))).toBe('csr-key-refused');
  });

  it('never passes once a byte of it has changed, and never throws', async () => {
    const csr = must(await createCsr('unit-7', pair.key));
    const bent = fc.tuple(fc.nat(csr.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(bent, ([at, mask]) => {
        const changed = Uint8Array.from(csr, (byte, index) => (index === at ? byte ^ mask : byte));
        expect(checkCsr(changed, { expectedCommonName: 'unit-7' }).ok).toBe(false);
      }),
      { numRuns: 60 },
    );
    expect(codeOf(checkCsr(csr.subarray(0, 40), { expectedCommonName: 'unit-7' }))).toBe('csr-malformed');
  });

  it('cannot be made for a name that is empty or longer than X.520 allows', async () => {
    expect(codeOf(await createCsr('', pair.key))).toBe('name-refused');
    expect(codeOf(await createCsr('x'.repeat(65), pair.key))).toBe('name-refused');
    expect(codeOf(await createCsr('x'.repeat(64), pair.key))).toBe('no fault');
  });
});

describe('a device certificate', () => {
  let issuer: Credential;
  const issue = async (from: Credential, days = 100) => {
    const facts = must(checkCsr(must(await createCsr('unit-7', pair.key)), { expectedCommonName: 'unit-7' }));
    return issueDeviceCertificate(
      facts,
      must(parseCertificateProfile({ ...profileData, validityDays: days })),
      from,
      parts,
    );
  };
  beforeAll(async () => {
    issuer = must(
      await createAuthority({ commonName: 'CA', algorithm: 'p256', validityDays: 30, pathLength: 0 }, parts),
    );
  });

  it('is a leaf for client authentication that does not outlive its issuer', async () => {
    const certificate = must(readCertificate(must(await issue(issuer, 1000))));
    expect(certificate).toMatchObject({ isAuthority: false, commonNames: ['unit-7'], publicKey: pair.key.publicKey });
    expect(certificate.extendedKeyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.notAfterMs).toBe(must(readCertificate(issuer.certificate)).notAfterMs);
    expect(certificate.notBeforeMs).toBeLessThan(clock.nowMs());
    expect(certificate.authorityKeyId).toBe(must(readCertificate(issuer.certificate)).subjectKeyId);
  });

  it('has a serial number of its own each time', async () => {
    const [one, two] = [must(await issue(issuer)), must(await issue(issuer))];
    expect(must(readCertificate(one)).serialNumber).not.toBe(must(readCertificate(two)).serialNumber);
  });

  it('is not issued by a leaf, with a key that is not the issuer’s, or by an issuer out of date', async () => {
    const certificate = must(await issue(issuer));
    expect(codeOf(await issue({ ...issuer, certificate, key: pair.key }))).toBe('issuer-not-authority');
    expect(codeOf(await issue({ ...issuer, key: pair.key }))).toBe('issuer-key-mismatch');
    const later = manualClock(clock.nowMs() + 31 * 86_400_000);
    const facts = must(checkCsr(must(await createCsr('unit-7', pair.key)), { expectedCommonName: 'unit-7' }));
    const profile = must(parseCertificateProfile(profileData));
    expect(codeOf(await issueDeviceCertificate(facts, profile, issuer, { ...parts, clock: later }))).toBe(
      'issuer-out-of-date',
    );
  });

  it('has no authority below one whose path length is used up', async () => {
    const request = { commonName: 'Below', algorithm: 'p256', validityDays: 3, pathLength: 0, issuer } as const;
    expect(codeOf(await createAuthority(request, parts))).toBe('issuer-path-length');
  });

  it('follows a profile that is checked', () => {
    expect(codeOf(parseCertificateProfile({ ...profileData, validityDays: 0 }))).toBe('profile-malformed');
    expect(codeOf(parseCertificateProfile({ ...profileData, keyUsage: ['keyCertSign'] }))).toBe('profile-malformed');
    expect(codeOf(parseCertificateProfile({ ...profileData, surprise: 1 }))).toBe('profile-malformed');
  });
});

describe('keys and texts', () => {
  it('tells whether a private key belongs to a public one', async () => {
    const other = await generateKey('p256');
    expect(privateKeyMatches(pair.privateKey, pair.key.publicKey)).toBe(true);
    expect(privateKeyMatches(other.privateKey, pair.key.publicKey)).toBe(false);
    expect(privateKeyMatches(Uint8Array.of(1), pair.key.publicKey)).toBe(false);
    expect(codeOf(signingKeyFromPkcs8(Uint8Array.of(1)))).toBe('key-malformed');
  });

  it.each([
    ['rsa', { modulusLength: 2048 }, 'RSA-2048', true],
    ['rsa', { modulusLength: 2047 }, 'RSA-2047', false],
    ['ec', { namedCurve: 'P-521' }, 'P-521', true],
    ['ec', { namedCurve: 'secp256k1' }, '1.3.132.0.10', false],
  ] as const)('names an %s key of %j as %s', (type, options, kind, isStrong) => {
    // The two overloads of Node differ in their options only.
    const make = generateKeyPairSync as (type: string, options: object) => ReturnType<typeof generateKeyPairSync>;
    const spki = new Uint8Array(make(type, options).publicKey.export({ type: 'spki', format: 'der' }));
    expect(publicKeyFacts(spki)).toMatchObject({ kind, isStrong });
  });

  it('reads back what it writes as PEM, and a certificate from PEM, base64 and base64 of PEM', async () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(fromPem(`noise\n${toPem('THING', bytes)}noise`, 'THING')).toEqual([bytes]);
      }),
      { numRuns: 50 },
    );
    const request = { commonName: 'CA', algorithm: 'p256', validityDays: 3, pathLength: 0 } as const;
    const { certificate } = must(await createAuthority(request, parts));
    const pem = toPem('CERTIFICATE', certificate);
    const forms = [pem, Buffer.from(certificate).toString('base64'), Buffer.from(pem).toString('base64')];
    for (const form of forms) expect(must(certificateFromPemOrBase64(form))).toEqual(certificate);
    expect(codeOf(certificateFromPemOrBase64('nonsense'))).toBe('certificate-malformed');
  });

  it('refuses a certificate with something behind it, cut anywhere', async () => {
    const request = { commonName: 'CA', algorithm: 'p256', validityDays: 3, pathLength: 0 } as const;
    const { certificate } = must(await createAuthority(request, parts));
    expect(readCertificate(Uint8Array.from([...certificate, 0])).ok).toBe(false);
    fc.assert(
      fc.property(fc.nat(certificate.length - 1), (length) => {
        expect(readCertificate(certificate.subarray(0, length)).ok).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe('DER', () => {
  it('reads back every value it writes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (bodies) => {
        const items = readDerList(Uint8Array.from(bodies.flatMap((body) => [...der(0x04, body)])));
        expect(items?.map((item) => item.body)).toEqual(bodies);
      }),
      { numRuns: 60 },
    );
    const long = der(0x04, new Uint8Array(70_000));
    expect(readDer(long)?.body.length).toBe(70_000);
  });

  it('refuses the indefinite form and a length past the end', () => {
    expect(readDer(Uint8Array.of(0x30, 0x80, 0, 0))).toBeUndefined();
    expect(readDer(Uint8Array.of(0x04, 2, 1))).toBeUndefined();
    expect(readDer(Uint8Array.of(0x04, 0x85, 0, 0, 0, 0, 1, 7))).toBeUndefined();
  });

  it('reads back the object identifiers it writes', () => {
    const dotted = fc
      .tuple(fc.nat(1), fc.nat(39), fc.array(fc.nat(300_000), { maxLength: 6 }))
      .map(([root, second, rest]) => [root, second, ...rest].join('.'));
    fc.assert(
      fc.property(dotted, (text) => {
        expect(readOid(readDer(derOid(text)))).toBe(text);
      }),
      { numRuns: 60 },
    );
  });
});
