/** Operational certificates, issued for a request that comes with the registration (dps-wire 1.3 and 1.5). */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { readCertificate, sha256Thumbprint } from '../../src-main/lib/x509/certificate.ts';
import { validateChain } from '../../src-main/lib/x509/chain.ts';
import { createCsr } from '../../src-main/lib/x509/csr.ts';
import { generateKey, privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import { sweepSigners } from '../../src-main/service/core/signer-upkeep.ts';
import { openSignerFiles } from '../../src-main/service/store/signer-files.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from '../flows/service-devices.ts';
import { keyOfDevice, openProofBench, vectorKey, type ProofBench } from './proof-bench.ts';

let folder: string;
let bench: ProofBench;
let root: Credential;
let issuing: Credential;
let onboarding: Leaf;
let line: Credential;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-signers-'));
  bench = await openProofBench(folder);
  const nowMs = bench.clock.nowMs();
  root = await makeAuthority('Operational root', { pathLength: 1, nowMs });
  issuing = await makeAuthority('Operational CA', { issuer: root, nowMs });
  line = await makeAuthority('Line', { nowMs });
  onboarding = await makeLeaf('dev-01', line, { nowMs });
  await bench.put('group', 'line-7', groupOf('line-7', line.certificate));
});
afterEach(async () => {
  await bench.close();
  rmSync(folder, { recursive: true });
});

const signer = (validityDays = 10) => ({
  certificates: certificatesToPem([issuing.certificate, root.certificate]),
  privateKey: privateKeyToPem(issuing.privateKey),
  validityDays,
});
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
async function csrFor(commonName: string): Promise<string> {
  return base64(must(await createCsr(commonName, (await generateKey('p256')).key)));
}
const asking = (csr: string, apiVersion = '2025-07-01-preview') =>
  bench.claim('dev-01', { certificates: [onboarding.certificate], apiVersion, body: { csr } });
async function codeOf(csr: string): Promise<string> {
  const answer = await bench.desk.register(asking(csr));
  return answer.ok ? answer.value.is : answer.fault.code;
}

describe('a certificate request', () => {
  it('is answered with a chain from leaf to root, the same at every poll, and its hub knows that leaf', async () => {
    must(await bench.signers.set('group', 'LINE-7', signer()));
    const pair = await generateKey('p256');
    const claim = asking(base64(must(await createCsr('dev-01', pair.key))));
    const started = must(await bench.desk.register(claim));
    if (started.is !== 'started') throw new Error('no operation');
    const first = await bench.finished(claim, String(started.operation.json['operationId']));
    expect(await bench.finished(claim, String(started.operation.json['operationId']))).toEqual(first);
    const chain = (first['issuedCertificateChain'] as string[]).map((one) =>
      Uint8Array.from(Buffer.from(one, 'base64')),
    );
    const [leaf, ...above] = chain;
    expect(above).toEqual([issuing.certificate, root.certificate]);
    const question = { leaf: leaf!, presented: above, anchors: [root.certificate], nowMs: bench.clock.nowMs() };
    expect(validateChain(question).ok).toBe(true);
    expect(must(readCertificate(leaf!))).toMatchObject({ commonNames: ['dev-01'], publicKey: pair.key.publicKey });
    const thumbprint = sha256Thumbprint(leaf!).toUpperCase();
    expect(bench.hubs.devices.get(`${String(first['assignedHub'])}/dev-01`)?.authentication).toEqual({
      type: 'selfSigned',
      primaryThumbprint: thumbprint,
      secondaryThumbprint: thumbprint,
    });
    const looked = must(await bench.desk.lookUp({ ...claim, body: {} }));
    expect(JSON.stringify(looked)).not.toContain('issuedCertificateChain');
  });

  it('may come from a device that proves itself by a key', async () => {
    const symmetricKey = { primaryKey: base64(vectorKey), secondaryKey: base64(vectorKey) };
    await bench.put('group', 'line-8', { attestation: { type: 'symmetricKey', symmetricKey } });
    must(await bench.signers.set('group', 'line-8', signer()));
    const authorization = await bench.token('dev-02', keyOfDevice(vectorKey, 'dev-02'));
    const claim = bench.claim('dev-02', {
      authorization,
      apiVersion: '2026-04-01',
      body: { csr: await csrFor('dev-02') },
    });
    const state = await bench.registered(claim);
    expect(state['issuedCertificateChain']).toHaveLength(3);
    expect(bench.hubs.devices.get(`${String(state['assignedHub'])}/dev-02`)?.authentication.type).toBe('selfSigned');
  });

  it('is not known before its api-version, and refused in a status look-up', async () => {
    must(await bench.signers.set('group', 'line-7', signer()));
    const state = await bench.registered(asking(await csrFor('dev-01'), '2021-06-01'));
    expect(state).not.toHaveProperty('issuedCertificateChain');
    const looked = await bench.desk.lookUp(asking(await csrFor('dev-01')));
    expect(looked).toMatchObject({ fault: { code: 'invalid' } });
  });

  it('is refused for another name, when it is malformed, altered, too large or weak, and without a signer', async () => {
    expect(await codeOf(await csrFor('dev-01'))).toBe('invalid');
    must(await bench.signers.set('group', 'line-7', signer()));
    expect(await codeOf(await csrFor('dev-02'))).toBe('invalid');
    const right = Buffer.from(await csrFor('dev-01'), 'base64');
    const altered = Buffer.from(right);
    altered[60]! ^= 1;
    for (const csr of ['not base64', 'AAAA', base64(right.subarray(1)), base64(altered), base64(Buffer.alloc(9_000))]) {
      expect(await codeOf(csr)).toBe('invalid');
    }
    expect(await codeOf(base64(right))).toBe('started');
  });

  it('is answered as unusable once the signer has expired', async () => {
    must(await bench.signers.set('group', 'line-7', signer()));
    const long = await makeLeaf('dev-01', await makeAuthority('Line', { nowMs: bench.clock.nowMs() }), {
      nowMs: bench.clock.nowMs(),
    });
    await bench.put('individual', 'dev-01', {
      attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: base64(vectorKey) } },
    });
    must(await bench.signers.set('individual', 'dev-01', signer()));
    bench.clock.setNow(bench.clock.nowMs() + 40 * 86_400_000);
    const authorization = await bench.token('dev-01', vectorKey);
    const claim = { ...asking(await csrFor('dev-01')), authorization };
    expect(await bench.desk.register(claim)).toMatchObject({ fault: { code: 'signer-unusable' } });
    expect(long.certificate.length).toBeGreaterThan(0);
  });
});

describe('a signer', () => {
  const stored = (): readonly string[] => readdirSync(folder).map((name) => join(folder, name));

  it('is kept in a file for its owner alone, is shown without its key, and is there after a restart', async () => {
    const view = must(await bench.signers.set('group', 'line-7', signer()));
    const secret = privateKeyToPem(issuing.privateKey).split('\n')[1] ?? '?';
    expect(JSON.stringify([view, bench.signers.list()])).not.toContain(secret);
    const [file = ''] = stored();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ kind: 'group', key: 'line-7' });
    const again = must(await openSignerFiles(folder));
    expect(again.all()).toMatchObject([{ kind: 'group', key: 'line-7', validityDays: 10 }]);
    expect(JSON.stringify(again.all())).not.toContain(secret);
  });

  it('goes, and does not come back with another enrollment of the same id', async () => {
    must(await bench.signers.set('group', 'line-7', signer()));
    expect(await bench.enrollments.remove('group', 'line-7', { is: 'etag', etag: 'other' })).toMatchObject({
      ok: false,
    });
    expect(stored()).toHaveLength(1);
    must(await bench.enrollments.remove('group', 'line-7', { is: 'none' }));
    expect(stored()).toEqual([]);
    expect(bench.signers.list()).toEqual([]);
    await bench.clock.advance(1);
    await bench.put('group', 'line-7', groupOf('line-7', line.certificate));
    expect(await codeOf(await csrFor('dev-01'))).toBe('invalid');
    must(await bench.signers.set('group', 'line-7', signer()));
    expect(await codeOf(await csrFor('dev-01'))).toBe('started');
    must(await bench.signers.remove('group', 'line-7'));
    expect(stored()).toEqual([]);
    expect(await codeOf(await csrFor('dev-01'))).toBe('invalid');
    expect(await bench.signers.remove('group', 'line-7')).toMatchObject({ fault: { code: 'not-found' } });
  });

  it('goes with its enrollment when many are deleted at once, and with no other', async () => {
    const ids = ['line-7', 'line-8', 'line-9'];
    for (const id of ids) {
      await bench.put('group', id, groupOf(id, line.certificate));
      must(await bench.signers.set('group', id, signer()));
    }
    const items = ['line-7', 'nobody', 'line-9'].map((enrollmentGroupId) => ({ enrollmentGroupId }));
    expect(must(await bench.enrollments.bulk('group', 'delete', items))).toHaveLength(1);
    expect(bench.signers.list()).toMatchObject([{ id: 'line-8' }]);
    expect(stored()).toHaveLength(1);
  });

  it('that is left without its enrollment is removed at the next start, and the others stay', async () => {
    for (const id of ['line-8', 'line-9']) await bench.put('group', id, groupOf(id, line.certificate));
    for (const id of ['line-7', 'line-8', 'line-9']) must(await bench.signers.set('group', id, signer()));
    // as a crash between the two ends leaves them
    const gone = ['line-8', 'line-9'].map(
      (key) => ({ change: 'delete', kind: 'group', key, if: { is: 'none' } }) as const,
    );
    must(await bench.bareStore.changeEnrollments(gone));
    await bench.clock.advance(1);
    await bench.put('group', 'line-9', groupOf('line-9', line.certificate));
    expect(stored()).toHaveLength(3);
    const vault = must(await openSignerFiles(folder));
    must(await sweepSigners({ store: bench.store, vault, log: silentLog }));
    expect(vault.all()).toMatchObject([{ key: 'line-7' }]);
    expect(stored()).toHaveLength(1);
  });

  it('is not kept for an enrollment that is deleted while it is being written', async () => {
    const [set] = await Promise.all([
      bench.signers.set('group', 'line-7', signer()),
      bench.enrollments.remove('group', 'line-7', { is: 'none' }),
    ]);
    expect(set).toMatchObject({ fault: { code: 'not-found' } });
    expect(stored()).toEqual([]);
  });

  it('is refused with another key, as a leaf, with a broken chain, and for nobody', async () => {
    const other = privateKeyToPem(root.privateKey);
    const leafKey = createPrivateKey(onboarding.tls.privateKeyPem).export({ type: 'pkcs8', format: 'pem' }).toString();
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const wrong = [
      { ...signer(), privateKey: other },
      { ...signer(), privateKey: 'no key' },
      { ...signer(), privateKey: weak.export({ type: 'pkcs8', format: 'pem' }).toString() },
      { ...signer(), certificates: certificatesToPem([onboarding.certificate]), privateKey: leafKey },
      { ...signer(), certificates: certificatesToPem([issuing.certificate, line.certificate]) },
      { ...signer(), certificates: '' },
    ];
    for (const one of wrong) {
      expect(await bench.signers.set('group', 'line-7', one)).toMatchObject({ fault: { code: 'invalid' } });
    }
    expect(await bench.signers.set('group', 'nobody', signer())).toMatchObject({ fault: { code: 'not-found' } });
    expect(stored()).toEqual([]);
  });

  it('whose file is broken stops the start with its name', async () => {
    must(await bench.signers.set('group', 'line-7', signer()));
    const [file = ''] = stored();
    writeFileSync(file, '{');
    expect(await openSignerFiles(folder)).toMatchObject({ fault: { code: 'signer-file-broken', detail: { file } } });
  });
});
