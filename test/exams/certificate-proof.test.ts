/** Devices that prove themselves by a certificate (dps-wire 5), and the CA certificates that enrollments name. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { sha256Thumbprint } from '../../src-main/lib/x509/certificate.ts';
import { certificateFromPemOrBase64 } from '../../src-main/lib/x509/pem.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { groupOf, makeAuthority, makeLeaf, pemOf, type Leaf } from '../flows/service-devices.ts';
import { openSsl, type OpenSsl } from './openssl.ts';
import { openProofBench, type ProofBench } from './proof-bench.ts';

const dayMs = 86_400_000;
let bench: ProofBench;
let nowMs: number;
let root: Credential;
let line: Credential;
let leaf: Leaf;
let tool: OpenSsl;

beforeAll(async () => {
  const first = await openProofBench();
  nowMs = first.clock.nowMs();
  await first.close();
  root = await makeAuthority('Root', { pathLength: 1, nowMs });
  line = await makeAuthority('Line 7', { issuer: root, nowMs });
  leaf = await makeLeaf('dev-01', line, { nowMs });
  tool = openSsl();
});
afterAll(() => tool.remove());
beforeEach(async () => {
  bench = await openProofBench();
});
afterEach(() => bench.close());

const present = (registrationId: string, ...certificates: readonly Uint8Array[]) =>
  bench.claim(registrationId, { certificates });
async function codeOf(registrationId: string, ...certificates: readonly Uint8Array[]): Promise<string> {
  const answer = await bench.desk.register(present(registrationId, ...certificates));
  return answer.ok ? answer.value.is : answer.fault.code;
}
const individual = (...certificates: readonly Uint8Array[]) => {
  const [primary, secondary] = certificates.map((one) => ({ certificate: pemOf(one) }));
  return { attestation: { type: 'x509', x509: { clientCertificates: { primary, secondary } } } };
};
const putGroup = (id: string, more: object, ...signers: readonly Uint8Array[]) =>
  bench.put('group', id, { ...groupOf(id, ...signers), ...more });
const byReference = (primary: string, secondary?: string) => ({
  attestation: { type: 'x509', x509: { caReferences: { primary, secondary } } },
});
const upperThumbprint = (der: Uint8Array): string => sha256Thumbprint(der).toUpperCase();

describe('a device enrolled by itself', () => {
  it('is known by exactly its primary or its secondary certificate, and so is it at its hub', async () => {
    const next = await makeLeaf('dev-01', line, { nowMs });
    await bench.put('individual', 'dev-01', individual(leaf.certificate, next.certificate));
    for (const certificate of [leaf.certificate, next.certificate]) {
      const state = await bench.registered(present('dev-01', certificate));
      expect(state).toMatchObject({ status: 'assigned', x509: {} });
      expect(bench.hubs.devices.get(`${String(state['assignedHub'])}/dev-01`)?.authentication).toEqual({
        type: 'selfSigned',
        primaryThumbprint: upperThumbprint(leaf.certificate),
        secondaryThumbprint: upperThumbprint(next.certificate),
      });
    }
    const third = await makeLeaf('dev-01', line, { nowMs });
    expect(await codeOf('dev-01', third.certificate)).toBe('unauthorized');
    expect(await codeOf('dev-01')).toBe('unauthorized');
  });

  it('is refused under another name, before its time and after it', async () => {
    await bench.put('individual', 'dev-01', individual(leaf.certificate));
    await bench.put('individual', 'dev-02', individual(leaf.certificate));
    expect(await codeOf('dev-02', leaf.certificate)).toBe('unauthorized');
    bench.clock.setNow(nowMs + 4 * dayMs);
    expect(await codeOf('dev-01', leaf.certificate)).toBe('unauthorized');
    bench.clock.setNow(nowMs - 4 * dayMs);
    expect(await codeOf('dev-01', leaf.certificate)).toBe('unauthorized');
  });

  it('is kept out by its own disabled entry while its group lets the others in', async () => {
    const other = await makeLeaf('dev-02', line, { nowMs });
    await putGroup('line-7', {}, line.certificate);
    await bench.put('individual', 'dev-01', { ...individual(leaf.certificate), provisioningStatus: 'disabled' });
    expect(await codeOf('dev-01', leaf.certificate, line.certificate)).toBe('unauthorized');
    expect(await codeOf('dev-02', other.certificate, line.certificate)).toBe('started');
  });
});

describe('a device of a group', () => {
  it('is below the intermediate that its group holds, and its hub knows its leaf', async () => {
    await putGroup('Line-7', {}, line.certificate);
    const state = await bench.registered(present('dev-01', leaf.certificate));
    expect(state).toMatchObject({ x509: { enrollmentGroupId: 'Line-7' } });
    const thumbprint = upperThumbprint(leaf.certificate);
    expect(bench.hubs.devices.get(`${String(state['assignedHub'])}/dev-01`)?.authentication).toEqual({
      type: 'selfSigned',
      primaryThumbprint: thumbprint,
      secondaryThumbprint: thumbprint,
    });
  });

  it('is below a root at any depth, when it sends what is between, in any order', async () => {
    await putGroup('all', {}, root.certificate);
    expect(await codeOf('dev-01', leaf.certificate)).toBe('unauthorized');
    expect(await codeOf('dev-01', leaf.certificate, line.certificate)).toBe('started');
    expect(await codeOf('dev-01', leaf.certificate, root.certificate, line.certificate)).toBe('started');
    expect(await codeOf('dev-99', leaf.certificate, line.certificate)).toBe('unauthorized');
  });

  it("belongs to the nearest group: disabled it keeps the device out, deleted it leaves it to the root's", async () => {
    const groupIdOf = async (): Promise<unknown> => {
      const state = await bench.registered(present('dev-01', leaf.certificate, line.certificate));
      return (state['x509'] as Record<string, unknown>)['enrollmentGroupId'];
    };
    await putGroup('a-root', {}, root.certificate);
    expect(await groupIdOf()).toBe('a-root');
    await putGroup('z-line', {}, line.certificate);
    expect(await groupIdOf()).toBe('z-line');
    await putGroup('z-line', { provisioningStatus: 'disabled' }, line.certificate);
    expect(await codeOf('dev-01', leaf.certificate, line.certificate)).toBe('unauthorized');
    must(await bench.enrollments.remove('group', 'z-line', { is: 'none' }));
    expect(await groupIdOf()).toBe('a-root');
  });

  it('goes on below the secondary certificate when the primary has expired', async () => {
    const old = await makeAuthority('Old line', { nowMs: nowMs - 29 * dayMs });
    const oldLeaf = await makeLeaf('dev-02', old, { nowMs: nowMs - 28 * dayMs, validityDays: 60 });
    await putGroup('line', {}, old.certificate, line.certificate);
    expect(await codeOf('dev-01', leaf.certificate)).toBe('started');
    expect(await codeOf('dev-02', oldLeaf.certificate)).toBe('started');
    bench.clock.setNow(nowMs + 2 * dayMs);
    expect(await codeOf('dev-01', leaf.certificate)).toBe('started');
    expect(await codeOf('dev-02', oldLeaf.certificate)).toBe('unauthorized');
  });

  it("is refused with 100 certificates, with loops, and with nobody's certificate, by bounded work", async () => {
    await putGroup('all', {}, root.certificate);
    const many = await Promise.all(
      Array.from({ length: 100 }, () => makeAuthority('Line 7', { issuer: root, pathLength: 0, nowMs })),
    );
    const noise = many.map((one) => one.certificate);
    expect(await codeOf('dev-01', leaf.certificate, ...noise)).toBe('unauthorized');
    expect(await codeOf('dev-01', leaf.certificate, leaf.certificate, leaf.certificate)).toBe('unauthorized');
    expect(await codeOf('dev-01', leaf.certificate, Uint8Array.of(0x30, 0x00))).toBe('unauthorized');
  });

  it.each([
    ['RSA-1024', ['-newkey', 'rsa:1024'], '-sha256'],
    ['P-224', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-224'], '-sha256'],
    ['SHA-1', ['-newkey', 'rsa:2048'], '-sha1'],
  ])('is refused with %s, by itself too', async (_kind, key, hash) => {
    const ca = ['-subj', '/CN=CA', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '900'];
    const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'];
    tool.run('req', '-x509', '-newkey', 'rsa:2048', '-noenc', ...ca, ...extensions);
    tool.run('req', ...key, '-noenc', '-subj', '/CN=weak', '-keyout', 'w.key', '-out', 'w.csr');
    tool.put('w.ext', 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n');
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-extfile', 'w.ext', '-days', '800', hash];
    tool.run('x509', '-req', '-in', 'w.csr', '-out', 'w.pem', ...signed);
    const [authority, weak] = ['ca.pem', 'w.pem'].map((file) =>
      must(certificateFromPemOrBase64(tool.get(file).toString())),
    );
    await putGroup('rsa', {}, authority!);
    expect(await codeOf('weak', weak!, authority!)).toBe('unauthorized');
    const request = { id: 'weak', body: individual(weak!), condition: { is: 'none' } } as const;
    expect(await bench.enrollments.put('individual', request)).toMatchObject({ fault: { code: 'invalid' } });
  });
});

describe('a CA certificate', () => {
  const upload = (name: string, certificate: Uint8Array, isVerified?: boolean) =>
    bench.authorities.add(name, {
      certificate: pemOf(certificate),
      ...(isVerified === undefined ? {} : { isVerified }),
    });
  const proofOf = async (code: string, issuer: Credential): Promise<string> =>
    pemOf((await makeLeaf(code, issuer, { nowMs })).certificate);
  const putReferring = (id: string, primary: string, secondary?: string) =>
    bench.enrollments.put('group', { id, body: byReference(primary, secondary), condition: { is: 'none' } });

  it('is named only once its owner has signed the code, which another key or an older code is not', async () => {
    expect(must(await upload('Root-2024', root.certificate))).toMatchObject({ isVerified: false, subject: 'CN=Root' });
    expect(await putReferring('line-7', 'root-2024')).toMatchObject({ fault: { code: 'invalid' } });
    const older = must(await bench.authorities.code('root-2024')).verificationCode;
    const { verificationCode } = must(await bench.authorities.code('root-2024'));
    expect(verificationCode).toMatch(/^[0-9A-F]{48}$/);
    const verify = async (proof: string) => bench.authorities.verify('root-2024', proof);
    expect(await verify(await proofOf(older, root))).toMatchObject({ fault: { code: 'invalid' } });
    const namesake = await makeAuthority('Root', { pathLength: 1, nowMs });
    expect(await verify(await proofOf(verificationCode, namesake))).toMatchObject({ fault: { code: 'invalid' } });
    const proof = await proofOf(verificationCode, root);
    expect(must(await verify(proof))).toMatchObject({ isVerified: true });
    expect(await verify(proof)).toMatchObject({ fault: { code: 'invalid' } });
    must(await putReferring('line-7', 'ROOT-2024'));
    expect(must(await bench.enrollments.get('group', 'line-7'))['attestation']).toEqual({
      type: 'x509',
      x509: { caReferences: { primary: 'ROOT-2024' } },
    });
    expect(await codeOf('dev-01', leaf.certificate, line.certificate)).toBe('started');
  });

  it('may be the secondary one, stays while it is named, and may go afterwards', async () => {
    const other = await makeAuthority('Other root', { nowMs });
    const otherLeaf = await makeLeaf('dev-02', other, { nowMs });
    must(await upload('root', root.certificate, true));
    must(await upload('other', other.certificate, true));
    must(await putReferring('line-7', 'root', 'other'));
    expect(await codeOf('dev-01', leaf.certificate, line.certificate)).toBe('started');
    expect(await codeOf('dev-02', otherLeaf.certificate)).toBe('started');
    expect(await bench.authorities.remove('other')).toMatchObject({
      fault: { code: 'in-use', detail: { enrollments: '1 enrollment' } },
    });
    must(await putReferring('line-7', 'root'));
    expect(await codeOf('dev-02', otherLeaf.certificate)).toBe('unauthorized');
    must(await bench.authorities.remove('other'));
    must(await bench.enrollments.remove('group', 'line-7', { is: 'none' }));
    must(await bench.authorities.remove('root'));
    expect(must(await bench.authorities.list())).toEqual([]);
  });

  it('may stand above one device that is enrolled by itself', async () => {
    must(await upload('line', line.certificate, true));
    await bench.put('individual', 'dev-01', byReference('line'));
    const renewed = await makeLeaf('dev-01', line, { nowMs });
    for (const one of [leaf, renewed]) expect(await codeOf('dev-01', one.certificate)).toBe('started');
    const stranger = await makeLeaf('dev-01', await makeAuthority('Line 7', { nowMs }), { nowMs });
    expect(await codeOf('dev-01', stranger.certificate)).toBe('unauthorized');
  });

  it('is refused when it is none, or weak, and by a name that another one has', async () => {
    expect(await upload('leaf', leaf.certificate)).toMatchObject({ fault: { code: 'invalid' } });
    expect(await upload('no/name', root.certificate)).toMatchObject({ fault: { code: 'invalid' } });
    must(await upload('root', root.certificate));
    expect(must(await upload('ROOT', root.certificate, true))).toMatchObject({ name: 'root', isVerified: true });
    expect(await upload('root', line.certificate)).toMatchObject({ fault: { code: 'exists' } });
  });

  it('is one of 25 at the most', async () => {
    for (let at = 0; at < 25; at += 1) must(await upload(`ca-${at}`, root.certificate, true));
    expect(await upload('ca-25', root.certificate)).toMatchObject({ fault: { code: 'invalid' } });
    must(await bench.authorities.remove('ca-3'));
    must(await upload('ca-25', root.certificate));
  });

  it('that is not known leaves the group as it was, in the same call as others too', async () => {
    must(await upload('root', root.certificate, true));
    await bench.put('group', 'line-7', byReference('root'));
    const items = [
      { enrollmentGroupId: 'line-7', ...byReference('nobody') },
      { enrollmentGroupId: 'line-8', ...byReference('root') },
    ];
    expect(must(await bench.enrollments.bulk('group', 'update', items))).toHaveLength(2);
    expect(await codeOf('dev-01', leaf.certificate, line.certificate)).toBe('started');
    expect(await bench.authorities.remove('root')).toMatchObject({ fault: { code: 'in-use' } });
  });
});
