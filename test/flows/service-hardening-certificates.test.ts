/** False, weak and endless certificates: each is refused in bounded time, and whoever proves itself is served meanwhile. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createAuthority, type Credential } from '../../src-main/lib/x509/authority.ts';
import { nameOf, signCertificate, validityFrom, dayMs } from '../../src-main/lib/x509/certificate-writer.ts';
import { generateKey, privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { BasicConstraintsExtension } from '../../src-main/lib/x509/peculiar.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import type { CertificateDer } from '../../src-main/lib/x509/types.ts';
import { openSsl, type OpenSsl } from '../exams/openssl.ts';
import { openRuleBed, serviceName, type RuleBed, type RuleReply, type RuleRequest } from '../rules/rule-bed.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from './service-devices.ts';
import { openRawTls } from './support/raw-tls.ts';

const parts = { clock: systemClock, random: systemRandom };
// A registration takes some milliseconds, and a search without bounds would take hours; a loaded machine takes seconds.
const boundMs = 20_000;

let bed: RuleBed;
let line: Credential;
let leaf: Leaf;
let tool: OpenSsl;

beforeAll(async () => {
  tool = openSsl();
  bed = await openRuleBed();
  line = await makeAuthority('Line 7', { pathLength: 1 });
  must(await bed.client.groups.put(groupOf('line-7', line.certificate)));
  leaf = await makeLeaf('pump-1', line);
});
afterAll(async () => {
  tool.remove();
  await bed.close();
});
afterEach(async () => {
  expect((await register('pump-1', leaf.tls)).status).toBe(202);
  expect(bed.errors).toEqual([]);
});

const register = (id: string, tls?: RuleRequest['tls'], more: Partial<RuleRequest> = {}): Promise<RuleReply> =>
  bed.ask({ method: 'PUT', path: bed.registerPath(id), body: '{}', ...(tls === undefined ? {} : { tls }), ...more });

async function expectRefusedInTime(work: () => Promise<RuleReply>): Promise<RuleReply> {
  const beganMs = systemClock.monotonicMs();
  const reply = await work();
  expect(reply).toMatchObject({ status: 401, json: { errorCode: 401_002 } });
  expect(systemClock.monotonicMs() - beganMs).toBeLessThan(boundMs);
  return reply;
}

/** A certificate of any issuer, made past every check of our own. */
async function forged(
  name: string,
  issuer: { readonly name: string; readonly key: Credential['key'] },
  publicKey: Uint8Array,
) {
  return must(
    await signCertificate(
      {
        subjectDer: must(nameOf(name)),
        issuerDer: must(nameOf(issuer.name)),
        publicKey,
        validity: validityFrom(systemClock.nowMs(), 30),
        extensions: [new BasicConstraintsExtension(true, undefined, true)],
      },
      issuer.key,
      systemRandom,
    ),
  );
}

describe('a chain', () => {
  it('of 100 certificates is refused, and so is a leaf with 99 that have nothing to do with it and no issuer', async () => {
    let issuer = line;
    const path: CertificateDer[] = [];
    for (let depth = 98; depth >= 0; depth -= 1) {
      const plan = { commonName: `CA ${depth}`, algorithm: 'p256', validityDays: 20, pathLength: depth } as const;
      issuer = must(await createAuthority({ ...plan, ...(depth === 98 ? {} : { issuer }) }, parts));
      path.unshift(issuer.certificate);
    }
    const deep = await makeLeaf('deep-1', issuer, { send: path });
    await expectRefusedInTime(() => register('deep-1', deep.tls));
    const stranger = await makeLeaf('deep-2', await makeAuthority('Nobody'), { send: path });
    await expectRefusedInTime(() => register('deep-2', stranger.tls));
    // with its issuer first, the rest does not matter
    const honest = await makeLeaf('deep-3', line, { send: [line.certificate, ...path.slice(0, 98)] });
    expect((await register('deep-3', honest.tls)).status).toBe(202);
  });

  it('that goes round in a circle, or is crossed many times over, is refused', async () => {
    const [a, b] = [await generateKey('p256'), await generateKey('p256')];
    const byB = await forged('A', { name: 'B', key: b.key }, a.key.publicKey);
    const byA = await forged('B', { name: 'A', key: a.key }, b.key.publicKey);
    const round = await makeLeaf('round-1', { certificate: byB, chain: [byB], ...a }, { send: [byB, byA] });
    await expectRefusedInTime(() => register('round-1', round.tls));
    // ten authorities, each certified by each: 10! paths for who does not count
    const keys = await Promise.all(Array.from({ length: 6 }, () => generateKey('p256')));
    const crossed: CertificateDer[] = [];
    for (const [at, { key }] of keys.entries()) {
      for (const [by, other] of keys.entries()) {
        if (at !== by) crossed.push(await forged(`X${at}`, { name: `X${by}`, key: other.key }, key.publicKey));
      }
    }
    const [first] = crossed;
    const issuer = { certificate: first!, chain: [first!], ...keys[0]! };
    const tangled = await makeLeaf('round-2', issuer, { send: crossed });
    await expectRefusedInTime(() => register('round-2', tangled.tls));
  });

  it('whose issuer is named right and signed wrong, or is no authority, is refused', async () => {
    const impostor = await makeAuthority('Line 7', { pathLength: 1 });
    const forgedLeaf = await makeLeaf('forged-1', impostor, { send: [line.certificate] });
    await expectRefusedInTime(() => register('forged-1', forgedLeaf.tls));
    const key = await generateKey('p256');
    const child = await forged('forged-2', { name: 'pump-1', key: key.key }, key.key.publicKey);
    const tls = {
      certificatePem: certificatesToPem([child, leaf.certificate]),
      privateKeyPem: privateKeyToPem(key.privateKey),
    };
    await expectRefusedInTime(() => register('forged-2', tls));
  });

  it('of a group whose own certificate has expired is refused', async () => {
    const longAgoMs = systemClock.nowMs() - 31 * dayMs;
    const old = await makeAuthority('Old line', { nowMs: longAgoMs });
    must(await bed.client.groups.put(groupOf('old-line', old.certificate)));
    const late = await makeLeaf('late-1', old, { nowMs: longAgoMs });
    await expectRefusedInTime(() => register('late-1', late.tls));
  });
});

describe('a weak key', () => {
  const weak = (id: string, ...key: readonly string[]) => {
    tool.run(
      'req',
      '-x509',
      ...key,
      '-noenc',
      '-subj',
      `/CN=${id}`,
      '-days',
      '20',
      '-keyout',
      `${id}.key`,
      '-out',
      `${id}.pem`,
    );
    return { certificatePem: tool.get(`${id}.pem`).toString(), privateKeyPem: tool.get(`${id}.key`).toString() };
  };

  it.each([
    ['rsa-1024', ['-newkey', 'rsa:1024']],
    ['p-192', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-192']],
  ] as const)('%s is no proof, whether the handshake or the service refuses it', async (id, key) => {
    const tls = weak(id, ...key);
    const clientCertificates = { primary: { certificate: tls.certificatePem } };
    const attestation = { type: 'x509' as const, x509: { clientCertificates } };
    const enrolled = await bed.client.enrollments.put({ registrationId: id, attestation });
    const outcome = await registerWeakly(id, tls);
    expect(enrolled.ok ? outcome : 'refused').toBe('refused');
  });

  it('is what fails here, and not the peer: a strong one gets in the same way', async () => {
    expect(await registerWeakly('pump-1', leaf.tls)).toBe('registered');
  });

  it('of an authority makes no group that anybody gets in by', async () => {
    const pem = weak('Weak line', '-newkey', 'rsa:1024').certificatePem;
    const signingCertificates = { primary: { certificate: pem } };
    const group = {
      enrollmentGroupId: 'weak-line',
      attestation: { type: 'x509' as const, x509: { signingCertificates } },
    };
    const enrolled = await bed.client.groups.put(group);
    const device = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', 'w.key'];
    tool.run('req', ...device, '-subj', '/CN=weak-1', '-out', 'w.csr');
    tool.run(
      'x509',
      '-req',
      '-in',
      'w.csr',
      '-CA',
      'Weak line.pem',
      '-CAkey',
      'Weak line.key',
      '-days',
      '9',
      '-out',
      'w.pem',
    );
    const tls = { certificatePem: tool.get('w.pem').toString() + pem, privateKeyPem: tool.get('w.key').toString() };
    expect(enrolled.ok ? await registerWeakly('weak-1', tls) : 'refused').toBe('refused');
  });

  it('is a signature by SHA-1, too, of who issued the leaf of a device', async () => {
    const authority = ['-addext', 'basicConstraints=critical,CA:TRUE', '-subj', '/CN=Old hash'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];
    tool.run('req', '-x509', ...curve, ...authority, '-days', '20', '-keyout', 'h.key', '-out', 'h.pem');
    const pem = tool.get('h.pem').toString();
    const signingCertificates = { primary: { certificate: pem } };
    const attestation = { type: 'x509' as const, x509: { signingCertificates } };
    must(await bed.client.groups.put({ enrollmentGroupId: 'old-hash', attestation }));
    tool.put('leaf.ext', 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n');
    for (const [hash, outcome] of [
      ['-sha256', 'registered'],
      ['-sha1', 'refused'],
    ] as const) {
      const id = `old${hash}`;
      tool.run('req', ...curve, '-keyout', 'hd.key', '-subj', `/CN=${id}`, '-out', 'hd.csr');
      const signed = ['-CA', 'h.pem', '-CAkey', 'h.key', '-extfile', 'leaf.ext', '-days', '9', hash];
      tool.run('x509', '-req', '-in', 'hd.csr', ...signed, '-out', 'hd.pem');
      const tls = { certificatePem: tool.get('hd.pem').toString() + pem, privateKeyPem: tool.get('hd.key').toString() };
      expect([hash, await registerWeakly(id, tls)]).toEqual([hash, outcome]);
    }
  });

  /** As a device whose TLS library has no standards would. */
  async function registerWeakly(id: string, tls: NonNullable<RuleRequest['tls']>): Promise<string> {
    const place = { host: bed.address, port: bed.ready.ports.https, ca: bed.caPem, servername: serviceName };
    const credential = { cert: tls.certificatePem, key: tls.privateKeyPem, ciphers: 'DEFAULT@SECLEVEL=0' };
    try {
      const peer = await openRawTls({ ...place, ...credential });
      await peer.send(
        `PUT ${bed.registerPath(id)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`,
      );
      await peer.ended;
      return peer.text().includes(' 202 ') ? 'registered' : 'refused';
    } catch {
      return 'refused';
    }
  }
});

describe('a certificate', () => {
  it.each([
    ['of 300 kB', () => Buffer.concat([Buffer.from([0x30, 0x83, 0x04, 0x93, 0xe0]), Buffer.alloc(300_000)])],
    ['whose length says 4 GB', () => Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02, 0x01])],
    ['of sequences in one another', () => nestedSequences(4_000)],
    ['that is cut', () => Buffer.from(line.certificate.slice(0, -9))],
    ['with bytes behind it', () => Buffer.concat([line.certificate, Buffer.from([0, 0])])],
    ['of chance', () => Buffer.from(systemRandom.bytes(900))],
    ['of nothing', () => Buffer.from([0x30, 0x00])],
  ])('%s cannot be enrolled', async (_, make) => {
    const certificate = make().toString('base64');
    for (const [kind, id] of [
      ['enrollments', 'registrationId'],
      ['enrollmentGroups', 'enrollmentGroupId'],
    ] as const) {
      const member = kind === 'enrollments' ? 'clientCertificates' : 'signingCertificates';
      const attestation = { type: 'x509', x509: { [member]: { primary: { certificate } } } };
      const headers = { authorization: await bed.owner() };
      const body = JSON.stringify({ [id]: 'garbage', attestation });
      const beganMs = systemClock.monotonicMs();
      const reply = await bed.ask({ method: 'PUT', path: `/${kind}/garbage?api-version=2021-10-01`, body, headers });
      expect(reply).toMatchObject({ status: 400, json: { errorCode: 400_001 } });
      expect(systemClock.monotonicMs() - beganMs).toBeLessThan(boundMs);
    }
  });

  it('of 1 MB ends at the handshake or is refused', async () => {
    const key = await generateKey('p256');
    const issuer = { name: 'huge-1', key: key.key };
    const huge = must(
      await signCertificate(
        {
          subjectDer: must(nameOf('huge-1')),
          issuerDer: must(nameOf(issuer.name)),
          publicKey: key.key.publicKey,
          validity: validityFrom(systemClock.nowMs(), 30),
          extensions: [new BasicConstraintsExtension(false, undefined, true), hugeExtension(1_000_000)],
        },
        key.key,
        systemRandom,
      ),
    );
    const tls = { certificatePem: certificatesToPem([huge]), privateKeyPem: privateKeyToPem(key.privateKey) };
    const outcome = await register('huge-1', tls).then(
      ({ status }) => status,
      () => 401,
    );
    expect(outcome).toBe(401);
  });

  function nestedSequences(levels: number): Buffer {
    let inner: Buffer = Buffer.alloc(0);
    for (let level = 0; level < levels; level += 1) {
      const length =
        inner.length < 128
          ? [inner.length]
          : inner.length < 256
            ? [0x81, inner.length]
            : [0x82, inner.length >> 8, inner.length & 255];
      inner = Buffer.concat([Buffer.from([0x30, ...length]), inner]);
    }
    return inner;
  }

  function hugeExtension(bytes: number): BasicConstraintsExtension {
    const value = Buffer.alloc(bytes);
    const sized = (tag: number, body: Buffer) =>
      Buffer.concat([Buffer.from([tag, 0x83, body.length >> 16, (body.length >> 8) & 255, body.length & 255]), body]);
    const oid = Buffer.from([0x06, 0x04, 0x2a, 0x03, 0x04, 0x05]);
    const rawData = sized(0x30, Buffer.concat([oid, sized(0x04, value)]));
    return { rawData } as unknown as BasicConstraintsExtension;
  }
});
