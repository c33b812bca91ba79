/** Unmodified SDKs prove themselves by keys and below CA certificates that were brought in by `benchline service`. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createHttpsCaller } from '../../src-main/lib/dps/https-call.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import { makeHierarchy, openSsl, type OpenSsl } from '../exams/openssl.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';
import { until } from './service-bed.ts';

const deviceClient = new URL('./sdk-device-client.ts', import.meta.url);

let bench: ServiceBench;
let tool: OpenSsl;

beforeAll(async () => {
  bench = await openServiceBench();
  tool = openSsl();
  makeHierarchy(tool, 'p256');
});
afterAll(async () => {
  await bench.close();
  tool.remove();
});

async function answer(...words: readonly string[]): Promise<string> {
  const { code, text } = await bench.ask(...words);
  if (code !== 0) throw new Error(text);
  return text.trim();
}
/** Registers with the unmodified SDK over HTTPS, and reads its twin at its hub over MQTT. */
const register = (job: object) =>
  bench.client(deviceClient, { host: bench.ready.deviceHost, idScope: bench.ready.idScope, ...job });

function signedBy(issuer: string, commonName: string): { readonly cert: string; readonly key: string } {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', 'leaf.key'];
  tool.run('req', ...key, '-subj', `/CN=${commonName}`, '-out', 'leaf.csr');
  const signed = ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-days', '20'];
  tool.run('x509', '-req', '-in', 'leaf.csr', '-out', 'leaf.pem', ...signed);
  return { cert: tool.get('leaf.pem').toString(), key: tool.get('leaf.key').toString() };
}

describe('a symmetric key', () => {
  it('is made with the enrollment, goes into the device, and opens service and hub', async () => {
    expect(await answer('enroll', '--symmetric-key', '--registration-id', 'press-17')).not.toContain('=');
    const key = await answer('device-key', '--registration-id', 'press-17');
    expect(Buffer.from(key, 'base64')).toHaveLength(64);
    expect(await register({ symmetricKey: { registrationId: 'press-17', key } })).toMatchObject({
      deviceId: 'press-17',
      desired: { $version: 1 },
    });
  });

  it("is derived from the group's for each device", async () => {
    await answer('enroll-group', '--id', 'line-8', '--symmetric-key');
    const key = await answer('device-key', '--group', 'line-8', '--registration-id', 'press-18');
    expect(Buffer.from(key, 'base64')).toHaveLength(32);
    expect(await register({ symmetricKey: { registrationId: 'press-18', key } })).toMatchObject({
      deviceId: 'press-18',
      desired: { $version: 1 },
    });
    expect(await answer('registrations')).toContain('press-18');
    const none = await bench.ask('device-key', '--group', 'nobody', '--registration-id', 'press-18');
    expect(none.code).toBe(1);
  });
});

describe('a CA certificate', () => {
  it('is verified with what OpenSSL signs, and then named by a group whose devices register', async () => {
    expect(await answer('ca', 'add', 'root-2024', '--certificate', tool.path('root.pem'))).toContain('not verified');
    expect((await bench.ask('enroll-group', '--id', 'line-9', '--ca-name', 'root-2024')).code).toBe(1);
    const code = await answer('ca', 'code', 'root-2024');
    tool.put('proof.pem', signedBy('root', code).cert);
    expect(await answer('ca', 'verify', 'root-2024', '--certificate', tool.path('proof.pem'))).toContain('is verified');
    await answer('enroll-group', '--id', 'line-9', '--ca-name', 'root-2024');
    const { cert, key } = signedBy('ca', 'press-19');
    const chain = cert + tool.get('ca.pem').toString();
    expect(await register({ x509: { registrationId: 'press-19', cert: chain, key } })).toMatchObject({
      deviceId: 'press-19',
    });
    expect(await answer('ca', 'list')).toMatch(/root-2024 +verified +CN=Outside Root/);
    expect((await bench.ask('ca', 'remove', 'root-2024')).text).toContain('still named by 1 enrollment.');
  });
});

describe('a signer', () => {
  it('set with an encrypted key issues for a request made by OpenSSL, over HTTPS as a newer client asks', async () => {
    tool.put('pass.txt', 'open sesame\n');
    tool.run('pkcs8', '-topk8', '-in', 'ca.key', '-out', 'ca-locked.key', '-passout', 'file:pass.txt');
    tool.put('chain.pem', tool.get('ca.pem').toString() + tool.get('root.pem').toString());
    const files = ['--certificate', tool.path('chain.pem'), '--key-file', tool.path('ca-locked.key')];
    expect((await bench.ask('signer', 'set', '--group', 'line-8', ...files)).text).toContain('(key-encrypted)');
    const wrong = ['--passphrase-file', tool.put('wrong.txt', 'close sesame\n')];
    const shut = await bench.ask('signer', 'set', '--group', 'line-8', ...files, ...wrong);
    expect(shut.text).toContain('(passphrase-wrong)');
    const unlocked = [...files, '--passphrase-file', tool.path('pass.txt'), '--validity-days', '5'];
    expect(await answer('signer', 'set', '--group', 'line-8', ...unlocked)).toContain('CN=Outside Intermediate');
    expect(await answer('signer', 'list')).toMatch(/group +line-8 +CN=Outside Intermediate/);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', 'op.key'];
    tool.run('req', ...key, '-subj', '/CN=press-20', '-outform', 'DER', '-out', 'op.der');
    const deviceKey = await answer('device-key', '--group', 'line-8', '--registration-id', 'press-20');
    const state = await registeredWith('press-20', deviceKey, tool.get('op.der').toString('base64'));
    const [leaf = '', ...above] = state['issuedCertificateChain'] as readonly string[];
    expect(above).toHaveLength(2);
    tool.put('op-cert.der', Buffer.from(leaf, 'base64'));
    const checked = tool.run('verify', '-CAfile', 'root.pem', '-untrusted', 'ca.pem', 'op-cert.der');
    expect(checked).toContain('OK');
    await answer('signer', 'remove', '--group', 'line-8');
    expect(await answer('signer', 'list')).toContain('No signer');
  });
});

async function registeredWith(id: string, key: string, csr: string): Promise<Record<string, unknown>> {
  const { deviceHost, idScope, caFile, ports } = bench.ready;
  const parts = { clock: systemClock, random: systemRandom };
  const peer = { name: 'the service', host: deviceHost, port: ports.https, caPem: readFileSync(caFile, 'utf8') };
  const caller = createHttpsCaller(peer, parts);
  const request = {
    resource: `${idScope}/registrations/${id}`,
    expiresAtS: Math.floor(systemClock.nowMs() / 1_000) + 60,
  };
  const authorization = must(await createSasToken(request, keySigner(Buffer.from(key, 'base64'))));
  const ask = async (method: 'PUT' | 'GET', path: string, json?: object) => {
    const full = `/${idScope}/registrations/${id}/${path}?api-version=2025-07-01-preview`;
    return must(await caller.call({ method, path: full, headers: { authorization }, ...(json && { json }) }));
  };
  try {
    const started = await ask('PUT', 'register', { registrationId: id, csr });
    expect(started.status).toBe(202);
    const { operationId } = started.json as { readonly operationId: string };
    return await until(async () => {
      const polled = await ask('GET', `operations/${operationId}`);
      const { registrationState } = polled.json as { readonly registrationState: Record<string, unknown> };
      return polled.status === 200 ? registrationState : undefined;
    }, 'the operation is done');
  } finally {
    caller.close();
  }
}
