/** False, weak, endless and stale proofs: each is refused in bounded time, and whoever proves itself is served meanwhile. */
import { createConnection, createServer } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import { createAuthority, type Credential } from '../../src-main/lib/x509/authority.ts';
import { nameOf, signCertificate, validityFrom, dayMs } from '../../src-main/lib/x509/certificate-writer.ts';
import { generateKey, privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { BasicConstraintsExtension } from '../../src-main/lib/x509/peculiar.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import type { CertificateDer } from '../../src-main/lib/x509/types.ts';
import { openSsl, type OpenSsl } from '../exams/openssl.ts';
import { openRuleBed, serviceName, type RuleBed, type RuleReply, type RuleRequest } from '../rules/rule-bed.ts';
import { groupOf, makeAuthority, makeLeaf, openTpmDevice, type Leaf, type TpmDevice } from './service-devices.ts';
import { openRawTls } from './support/raw-tls.ts';

const parts = { clock: systemClock, random: systemRandom };
const minuteMs = 60_000;
// A registration takes some milliseconds; what is refused may not take many times that, however it was made.
const boundMs = 3_000;

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
    ['sha-1', ['-newkey', 'rsa:2048', '-sha1']],
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

describe('TLS', () => {
  it.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async (version) => {
    const place = { host: bed.address, port: bed.ready.ports.https, ca: bed.caPem, servername: serviceName };
    const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(openRawTls({ ...place, ...old })).rejects.toThrow(/protocol|version|alert/i);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a device of a group that comes back with a saved session proves itself again, by %s',
    async (version) => {
      const root = await makeAuthority(`Root ${version}`, { pathLength: 1 });
      const middle = await makeAuthority(`Middle ${version}`, { issuer: root });
      const id = version.toLowerCase();
      must(await bed.client.groups.put(groupOf(`root-${id}`, root.certificate)));
      const device = await makeLeaf(id, middle);
      let session: Buffer | undefined;
      for (const visit of ['first', 'with what was saved', 'and again']) {
        const peer = await openRawTls({
          ...{ host: bed.address, port: bed.ready.ports.https, ca: bed.caPem, servername: serviceName },
          ...{
            cert: device.tls.certificatePem,
            key: device.tls.privateKeyPem,
            minVersion: version,
            maxVersion: version,
          },
          ...(session === undefined ? {} : { session }),
        });
        peer.socket.on('session', (saved: Buffer) => (session = saved));
        await peer.send(
          `PUT ${bed.registerPath(id)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`,
        );
        await peer.ended;
        expect(`${visit}: ${peer.text().slice(0, 12)}`).toBe(`${visit}: HTTP/1.1 202`);
        session ??= peer.socket.getSession();
      }
    },
  );

  it('holds with an RSA key of the server as with a P-256 one', async () => {
    const rsa = await openRuleBed({ serverKey: 'rsa' });
    try {
      must(await rsa.client.groups.put(groupOf('line-7', line.certificate)));
      for (const [at, keyType] of [
        [rsa, 'RSA'],
        [bed, 'EC'],
      ] as const) {
        for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
          const peer = await openRawTls({
            ...{ host: at.address, port: at.ready.ports.https, ca: at.caPem, servername: serviceName },
            ...{ minVersion: version, maxVersion: version },
          });
          const { modulus, asn1Curve } = peer.socket.getPeerCertificate();
          expect(modulus === undefined ? 'EC' : 'RSA').toBe(keyType);
          expect(asn1Curve).toBe(keyType === 'EC' ? 'prime256v1' : undefined);
          peer.close();
        }
        const reply = await at.ask({ method: 'PUT', path: at.registerPath('pump-1'), body: '{}', tls: leaf.tls });
        expect(reply.status).toBe(202);
      }
    } finally {
      await rsa.close();
    }
  });

  it('of nonsense, of half a hello and of an end in between leaves the door open', async () => {
    const hello = await helloBytes();
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.alloc(5_000, 0x16),
      hello.subarray(0, 40),
      Buffer.concat([hello, hello]),
    ]) {
      const socket = createConnection(bed.ready.ports.https, bed.address);
      socket.on('error', () => undefined);
      await new Promise<void>((done) => void socket.write(bytes, () => done()));
      socket.destroy();
    }
    expect((await register('pump-1', leaf.tls)).status).toBe(202);
  });

  /** What a TLS client sends first. */
  function helloBytes(): Promise<Buffer> {
    return new Promise((resolve) => {
      const server = createServer((socket) => {
        socket.once('data', (bytes) => {
          socket.destroy();
          server.close();
          resolve(bytes);
        });
      });
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        if (address === null || typeof address === 'string') throw new Error('no port');
        connect({ host: '127.0.0.1', port: address.port }).on('error', () => undefined);
      });
    });
  }
});

describe('a token', () => {
  let tpm: TpmDevice;
  beforeAll(async () => {
    tpm = await openTpmDevice();
    must(await bed.client.enrollments.put(tpm.enrollment()));
  });
  afterAll(() => tpm.close());

  const keys = (): string => {
    const { registrationId, endorsementKey, storageRootKey } = tpm;
    return JSON.stringify({ registrationId, tpm: { endorsementKey, storageRootKey } });
  };
  const present = (authorization?: string): Promise<RuleReply> =>
    register(tpm.registrationId, undefined, {
      body: keys(),
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    });
  const answerChallenge = async (lifeS: number): Promise<string> => {
    const { json } = await present();
    must(await tpm.activate(Buffer.from(String(json['authenticationKey']), 'base64')));
    const resource = `${bed.ready.idScope}/registrations/${tpm.registrationId}`;
    const request = { resource, expiresAtS: Math.floor(bed.clock.nowMs() / 1_000) + lifeS, keyName: 'registration' };
    return must(await createSasToken(request, (message) => tpm.sign(message)));
  };

  it('whose clock is 5 minutes behind is accepted, and 15 minutes behind refused', async () => {
    expect((await present(await answerChallenge(-5 * 60 + 5))).status).toBe(202);
    expect((await present(await answerChallenge(-15 * 60))).json).toMatchObject({ errorCode: 401_002 });
    expect((await present(await answerChallenge(15 * 60))).status).toBe(202);
  });

  it('that is sent again after its life is refused, and the challenge behind it is forgotten in time', async () => {
    const token = await answerChallenge(60);
    expect((await present(token)).status).toBe(202);
    expect((await present(token)).status).toBe(202);
    bed.clock.shiftMs += 7 * minuteMs;
    expect((await present(token)).json).toMatchObject({ errorCode: 401_002 });
    const long = await answerChallenge(3_600);
    bed.clock.shiftMs += 11 * minuteMs;
    const late = await present(long);
    // the key that signed it is known no more: the TPM is asked anew
    expect(late.status).toBe(401);
    expect(late.json).toHaveProperty('authenticationKey');
    const withoutKeys = await register(tpm.registrationId, undefined, { headers: { authorization: long } });
    expect(withoutKeys).toMatchObject({ status: 401, json: { errorCode: 401_002 } });
  });

  it('of an owner is held to the same minutes', async () => {
    const owner = Buffer.from(bed.ownerKey, 'base64');
    const ask = async (lifeS: number): Promise<number> => {
      const expiresAtS = Math.floor(bed.clock.nowMs() / 1_000) + lifeS;
      const request = { resource: bed.address, expiresAtS, keyName: bed.ownerKeyName };
      const authorization = must(await createSasToken(request, keySigner(owner)));
      return (await bed.ask({ method: 'GET', path: '/enrollmentGroups/line-7', headers: { authorization } })).status;
    };
    expect([await ask(-295), await ask(-900)]).toEqual([200, 401]);
  });
});

describe('a flood of wrong proofs', () => {
  const wrong = 'SharedAccessSignature sr=x&sig=AAAA&se=1';
  it('for one id is held back with a time to wait, and the true device gets in after it', async () => {
    const flood = await makeLeaf('flood-1', await makeAuthority('Nobody'));
    const seen = new Map<number, number>();
    for (let attempt = 0; attempt < 60; attempt += 1) {
      const { status } = await register('flood-1', flood.tls);
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual([401, 429]);
    const held = await register('flood-1', flood.tls);
    expect(held).toMatchObject({ status: 429, json: { errorCode: 429_001 } });
    expect(Number(held.headers['retry-after'])).toBeGreaterThan(0);
    const honest = await makeLeaf('flood-1', line);
    bed.clock.shiftMs += 5 * minuteMs;
    expect((await register('flood-1', honest.tls)).status).toBe(202);
  });

  it('from id to id is held back by its source, and devices that were right before are served on', async () => {
    const headers = { authorization: wrong };
    const ids = Array.from({ length: 1_200 }, (_, at) => `stray-${at}`);
    const replies = await Promise.all(
      ids.map((id) => bed.askShared({ method: 'PUT', path: bed.registerPath(id), body: '{}', headers })),
    );
    const statuses = replies.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect((await register('pump-1', leaf.tls)).status).toBe(202);
    bed.clock.shiftMs += 5 * minuteMs;
    const fresh = await makeLeaf('pump-77', line);
    expect((await register('pump-77', fresh.tls)).status).toBe(202);
  });
});
