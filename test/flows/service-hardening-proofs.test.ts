/** Old TLS, saved sessions, stale tokens and floods of wrong ones: whoever proves itself is served meanwhile. */
import { createConnection, createServer } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { openRuleBed, serviceName, type RuleBed, type RuleReply, type RuleRequest } from '../rules/rule-bed.ts';
import { groupOf, makeAuthority, makeLeaf, openTpmDevice, type Leaf, type TpmDevice } from './service-devices.ts';
import { openRawTls } from './support/raw-tls.ts';

const minuteMs = 60_000;

let bed: RuleBed;
let line: Credential;
let leaf: Leaf;

beforeAll(async () => {
  bed = await openRuleBed();
  line = await makeAuthority('Line 7', { pathLength: 1 });
  must(await bed.client.groups.put(groupOf('line-7', line.certificate)));
  leaf = await makeLeaf('pump-1', line);
});
afterAll(() => bed.close());
afterEach(async () => {
  expect((await register('pump-1', leaf.tls)).status).toBe(202);
  expect(bed.errors).toEqual([]);
});

const register = (id: string, tls?: RuleRequest['tls'], more: Partial<RuleRequest> = {}): Promise<RuleReply> =>
  bed.ask({ method: 'PUT', path: bed.registerPath(id), body: '{}', ...(tls === undefined ? {} : { tls }), ...more });

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

  it('is not lost to strangers who know both keys and ask as well, however often', async () => {
    const token = await answerChallenge(3_600);
    const others = await Promise.all(Array.from({ length: 3 }, () => openTpmDevice()));
    for (let round = 0; round < 4; round += 1) {
      for (const { storageRootKey } of [...others, tpm]) {
        const body = JSON.stringify({ tpm: { endorsementKey: tpm.endorsementKey, storageRootKey } });
        const asked = await register(tpm.registrationId, undefined, { body });
        expect(asked.json).toHaveProperty('authenticationKey');
      }
    }
    await Promise.all(others.map((other) => other.close()));
    expect((await present(token)).status).toBe(202);
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
