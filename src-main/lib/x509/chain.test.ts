import { beforeAll, describe, expect, it } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { systemRandom } from '../base/host.ts';
import { must } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { createAuthority, createServerCertificate } from './authority.ts';
import type { Credential } from './authority.ts';
import { readCertificate } from './certificate.ts';
import { keyUsageExtension, nameOf, signCertificate, validityFrom } from './certificate-writer.ts';
import { validateChain } from './chain.ts';
import type { ChainQuestion } from './chain.ts';
import { createCsr, checkCsr } from './csr.ts';
import { issueDeviceCertificate } from './device-certificate.ts';
import { checkEkCertificate } from './ek-certificate.ts';
import { generateKey } from './keys.ts';
import type { KeyPair } from './keys.ts';
import { BasicConstraintsExtension, KeyUsageFlags } from './peculiar.ts';
import { parseCertificateProfile } from './profile.ts';

const clock = manualClock();
const parts = { clock, random: systemRandom };
const dayMs = 86_400_000;
const profile = must(
  parseCertificateProfile({
    name: 'device',
    validityDays: 100,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    allowedAlgorithms: ['p256'],
  }),
);

let device: KeyPair;
let root: Credential;
let intermediate: Credential;
let leaf: Uint8Array;

const authority = async (commonName: string, pathLength: number, issuer?: Credential): Promise<Credential> => {
  const request = { commonName, algorithm: 'p256', validityDays: 500, pathLength } as const;
  return must(await createAuthority(issuer === undefined ? request : { ...request, issuer }, parts));
};
const issue = async (issuer: Credential, commonName = 'dev-01'): Promise<Uint8Array> => {
  const csr = must(await createCsr(commonName, device.key));
  const facts = must(checkCsr(csr, { expectedCommonName: commonName }));
  return must(await issueDeviceCertificate(facts, profile, issuer, parts));
};
/** A certificate with anything in it, signed by anybody. */
const forged = async (
  [subject, issuer]: readonly [string, string],
  by: KeyPair,
  about: KeyPair,
  ca = true,
): Promise<Uint8Array> =>
  must(
    await signCertificate(
      {
        subjectDer: must(nameOf(subject)),
        issuerDer: must(nameOf(issuer)),
        publicKey: about.key.publicKey,
        validity: validityFrom(clock.nowMs(), 30),
        extensions: [
          new BasicConstraintsExtension(ca, undefined, true),
          keyUsageExtension([KeyUsageFlags.keyCertSign]),
        ],
      },
      by.key,
      systemRandom,
    ),
  );
const codeOf = (result: Result<unknown>): string => (result.ok ? 'no fault' : result.fault.code);
const ask = (question: Partial<ChainQuestion>) =>
  validateChain({
    leaf,
    presented: [leaf, intermediate.certificate],
    anchors: [root.certificate],
    nowMs: clock.nowMs(),
    ...question,
  });

beforeAll(async () => {
  device = await generateKey('p256');
  root = await authority('Root', 1);
  intermediate = await authority('Intermediate', 0, root);
  leaf = await issue(intermediate);
});

describe('a chain', () => {
  it('is found whatever the order of what was presented, and whatever else came along', async () => {
    const stray = await authority('Stray', 0);
    const path = [leaf, intermediate.certificate, root.certificate];
    const presented = [stray.certificate, root.certificate, intermediate.certificate, leaf, leaf];
    expect(must(ask({ presented })).path).toEqual(path);
    expect(must(ask({ presented: presented.toReversed() })).path).toEqual(path);
  });

  it('ends at an intermediate that is trusted by itself', () => {
    const answer = must(ask({ presented: [], anchors: [intermediate.certificate] }));
    expect(answer.path).toEqual([leaf, intermediate.certificate]);
  });

  it('is refused without its intermediate, without its root, and under another root of the same name', async () => {
    const twin = await authority('Root', 1);
    expect(codeOf(ask({ presented: [leaf] }))).toBe('chain-incomplete');
    expect(codeOf(ask({ anchors: [] }))).toBe('chain-incomplete');
    expect(codeOf(ask({ anchors: [twin.certificate] }))).toBe('chain-incomplete');
    expect(
      codeOf(ask({ presented: [leaf, intermediate.certificate, root.certificate], anchors: [twin.certificate] })),
    ).toBe('chain-incomplete');
  });

  it('is judged at every certificate: before its time, at its last second, after it', () => {
    const { notBeforeMs, notAfterMs } = must(readCertificate(leaf));
    expect(codeOf(ask({ nowMs: notBeforeMs - 1 }))).toBe('chain-not-yet-valid');
    expect(codeOf(ask({ nowMs: notAfterMs + 999 }))).toBe('no fault');
    expect(codeOf(ask({ nowMs: notAfterMs + 1000 }))).toBe('chain-expired');
  });

  it('does not trust an expired anchor', async () => {
    const short = must(
      await createAuthority({ commonName: 'Short', algorithm: 'p256', validityDays: 2, pathLength: 0 }, parts),
    );
    const below = await issue(short);
    const at = (days: number) =>
      ask({ leaf: below, anchors: [short.certificate], nowMs: clock.nowMs() + days * dayMs });
    expect([codeOf(at(1)), codeOf(at(3))]).toEqual(['no fault', 'chain-expired']);
  });

  it('refuses a signature by somebody else, even when the name fits', async () => {
    const thief = await generateKey('p256');
    const stolen = await forged(['dev-01', 'Root'], thief, device, false);
    // Its authority key identifier is the thief's; without one the signature itself must decide.
    expect(codeOf(ask({ leaf: stolen }))).toBe('chain-incomplete');
    const bent = Uint8Array.from(leaf, (byte, at) => (at === leaf.length - 1 ? byte ^ 1 : byte));
    expect(codeOf(ask({ leaf: bent }))).toBe('chain-signature-wrong');
  });

  it('refuses a leaf used as an authority, and an authority used as a leaf', async () => {
    const { key, privateKey } = device;
    const below = await forged(['dev-02', 'dev-01'], { key, privateKey }, await generateKey('p256'), false);
    expect(codeOf(ask({ leaf: below, presented: [leaf, intermediate.certificate] }))).toBe(
      'chain-issuer-not-authority',
    );
    expect(codeOf(ask({ leaf: intermediate.certificate }))).toBe('chain-leaf-is-authority');
    expect(codeOf(ask({ leaf: intermediate.certificate, leafIs: 'authority' }))).toBe('no fault');
    expect(codeOf(ask({ leafIs: 'authority' }))).toBe('chain-issuer-not-authority');
  });

  it('refuses a server certificate as a device', async () => {
    const request = {
      commonName: 'hub',
      algorithm: 'p256',
      validityDays: 9,
      dnsNames: ['hub'],
      ipAddresses: [],
    } as const;
    const server = must(await createServerCertificate(request, root, parts));
    expect(codeOf(ask({ leaf: server.certificate }))).toBe('chain-leaf-purpose');
  });

  it('holds every path length, and does not count self-issued authorities', async () => {
    const extra = await generateKey('p256');
    const { key, privateKey } = intermediate;
    const tooDeep = await forged(['Extra', 'Intermediate'], { key, privateKey }, extra);
    const below = await issue({ certificate: tooDeep, chain: [], key: extra.key, privateKey: extra.privateKey });
    expect(codeOf(ask({ leaf: below, presented: [tooDeep, intermediate.certificate] }))).toBe('chain-path-length');
    expect(codeOf(ask({ leaf: tooDeep, leafIs: 'authority' }))).toBe('chain-path-length');
    const renewed = await generateKey('p256');
    const selfIssued = await forged(['Intermediate', 'Intermediate'], { key, privateKey }, renewed);
    const fine = await issue({ certificate: selfIssued, chain: [], key: renewed.key, privateKey: renewed.privateKey });
    expect(codeOf(ask({ leaf: fine, presented: [selfIssued, intermediate.certificate] }))).toBe('no fault');
  });

  it('ends when the certificates name each other in a circle', async () => {
    const [one, two] = [await generateKey('p256'), await generateKey('p256')];
    const first = await forged(['One', 'Two'], two, one);
    const second = await forged(['Two', 'One'], one, two);
    const below = await forged(['dev-01', 'One'], one, device, false);
    expect(codeOf(ask({ leaf: below, presented: [first, second] }))).toBe('chain-loop');
  });

  it('stops at ten certificates and at thirty-two presented', async () => {
    const keys = await Promise.all(Array.from({ length: 12 }, () => generateKey('p256')));
    const line = await Promise.all(
      keys.map((about, at) => forged([`CA ${at}`, `CA ${Math.max(0, at - 1)}`], keys[Math.max(0, at - 1)]!, about)),
    );
    const at = async (depth: number) => {
      const bottom = await forged(['dev-01', `CA ${depth}`], keys[depth]!, device, false);
      return codeOf(ask({ leaf: bottom, presented: line, anchors: [line[0]!] }));
    };
    expect([await at(8), await at(9)]).toEqual(['no fault', 'chain-too-deep']);
    expect(codeOf(ask({ presented: Array.from({ length: 33 }, () => leaf) }))).toBe('chain-too-many');
  });

  it('refuses noise among what was presented', () => {
    expect(codeOf(ask({ presented: [Uint8Array.of(1, 2, 3)] }))).toBe('certificate-malformed');
  });
});

describe('an EK certificate', () => {
  const check = (
    policy: 'require' | 'prefer' | 'none',
    certificate: Uint8Array | undefined,
    roots = [root.certificate],
  ) => {
    const publicKey = device.key.publicKey;
    const intermediates = [intermediate.certificate];
    return checkEkCertificate({ certificate, publicKey, roots, intermediates, policy, nowMs: clock.nowMs() });
  };

  it('is trusted when it leads to a root and is about the key, padding or not', () => {
    const padded = new Uint8Array([...leaf, ...new Uint8Array(64)]);
    expect(must(check('require', padded))).toMatchObject({ at: 'trusted' });
    expect(must(check('prefer', leaf))).toMatchObject({ at: 'trusted' });
  });

  it('is a fault or not by policy when it is absent or untrusted', () => {
    expect(codeOf(check('require', undefined))).toBe('ek-certificate-missing');
    expect(must(check('prefer', undefined))).toEqual({ at: 'absent' });
    expect(must(check('none', undefined))).toEqual({ at: 'unchecked' });
    expect(codeOf(check('require', leaf, []))).toBe('ek-certificate-untrusted');
    expect(must(check('prefer', leaf, []))).toMatchObject({ at: 'untrusted' });
  });

  it('is a fault under every policy that looks when it is about another key', () => {
    expect(codeOf(check('prefer', intermediate.certificate))).toBe('ek-certificate-mismatch');
    expect(codeOf(check('require', intermediate.certificate))).toBe('ek-certificate-mismatch');
  });
});
