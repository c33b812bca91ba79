/**
 * Rule 23 of dps-wire section 11 from end to end: a device asks for a certificate with its registration, over each wire, and
 * lives in its hub by what it was issued (dps-wire 1.3 `csr`, 1.5).
 */
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createControlClient } from '../../src-main/lib/dps/control-client.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesToPem, toPem } from '../../src-main/lib/x509/pem.ts';
import { openSsl, type OpenSsl } from '../exams/openssl.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from '../flows/service-devices.ts';
import { dial, openLinks } from '../flows/support/amqp-scripts.ts';
import { dialMqtt } from '../flows/support/bare-mqtt.ts';
import { openRuleBed, serviceName, settled, type RuleBed } from './rule-bed.ts';

const apiVersion = '2025-07-01-preview';

let bed: RuleBed;
let line: Credential;
let issuing: Credential;
let tool: OpenSsl;

beforeAll(async () => {
  tool = openSsl();
  bed = await openRuleBed();
  line = await makeAuthority('Onboarding line');
  issuing = await makeAuthority('Operational CA');
  must(await bed.client.groups.put(groupOf('line-10', line.certificate)));
  const connection = { host: bed.address, port: bed.ready.ports.https, keyName: bed.ownerKeyName, key: bed.ownerKey };
  const control = createControlClient({ connection, caPem: bed.caPem }, { clock: systemClock, random: systemRandom });
  const signer = {
    certificates: certificatesToPem([issuing.certificate]),
    privateKey: privateKeyToPem(issuing.privateKey),
    validityDays: 10,
  };
  must(await control.setSigner({ kind: 'group', id: 'line-10' }, signer));
  control.close();
});
afterAll(async () => {
  tool.remove();
  await bed.close();
});

/** A device of the line, and its request for a certificate with a name that is not its own. */
async function unit(id: string) {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', `${id}.key`];
  const wish = ['-subj', `/CN=${id}`, '-addext', 'subjectAltName=DNS:other-unit.example'];
  tool.run('req', ...curve, ...wish, '-outform', 'DER', '-out', `${id}.csr`);
  const body = JSON.stringify({ registrationId: id, csr: tool.get(`${id}.csr`).toString('base64') });
  return { id, body, onboarding: await makeLeaf(id, line), key: tool.get(`${id}.key`).toString() };
}

type Unit = Awaited<ReturnType<typeof unit>>;

/** What the device was told at the end: its chain, what proved it, and a hub that takes the new certificate alone. */
async function expectIssued({ id, onboarding, key }: Unit, json: Record<string, unknown>): Promise<void> {
  expect(json).toMatchObject({ status: 'assigned' });
  const state = json['registrationState'] as Record<string, unknown>;
  const chain = (state['issuedCertificateChain'] as string[]).map((one) => Buffer.from(one, 'base64'));
  expect(chain).toHaveLength(2);
  const [leaf, issuer] = chain.map((der) => new X509Certificate(der)) as [X509Certificate, X509Certificate];
  expect(leaf.subject).toBe(`CN=${id}`);
  expect(leaf.subjectAltName).toBeUndefined();
  expect(issuer.raw.equals(issuing.certificate)).toBe(true);
  expect(leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)).toBe(true);
  expect(state['x509']).toEqual({ certificateInfo: infoOf(onboarding), enrollmentGroupId: 'line-10' });
  const issued = { certificatePem: toPem('CERTIFICATE', leaf.raw), privateKeyPem: key };
  expect(await hubSays(id, issued)).toBe(0);
  expect(await hubSays(id, onboarding.tls)).toBe(5);
}

/** Every member, since one client takes none without the others (dps-wire 1.5). */
function infoOf({ certificate }: Leaf) {
  const read = new X509Certificate(certificate);
  const plain = (print: string): string => print.replaceAll(':', '');
  const second = (text: string): string => new globalThis.Date(text).toISOString().replace('.000Z', 'Z');
  return {
    subjectName: read.subject,
    sha1Thumbprint: plain(read.fingerprint),
    sha256Thumbprint: plain(read.fingerprint256),
    issuerName: read.issuer,
    notBeforeUtc: second(read.validFrom),
    notAfterUtc: second(read.validTo),
    serialNumber: read.serialNumber,
    version: 3,
  };
}

/** The return code of its CONNACK. */
async function hubSays(id: string, tls: Leaf['tls']): Promise<number | undefined> {
  const { address, ports } = bed.hub;
  const device = await dialMqtt({ host: address, port: ports.mqtts, ca: bed.caPem, tls });
  device.send({
    ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: id, keepalive: 0 },
    username: `${address}/${id}/?api-version=2021-04-12`,
  });
  const answer = await device.next();
  device.close();
  return answer.cmd === 'connack' ? answer.returnCode : undefined;
}

it('[rule 23] a certificate issued over HTTPS has no DNS name beside its common name, and the hub knows it', async () => {
  const one = await unit('csr-https');
  const tls = one.onboarding.tls;
  const at = `/${bed.ready.idScope}/registrations/${one.id}`;
  const started = await bed.ask({
    method: 'PUT',
    path: `${at}/register?api-version=${apiVersion}`,
    body: one.body,
    tls,
  });
  expect(started).toMatchObject({ status: 202, json: { status: 'assigning' } });
  const path = `${at}/operations/${String(started.json['operationId'])}?api-version=${apiVersion}`;
  await expectIssued(one, (await settled(() => bed.ask({ method: 'GET', path, tls }))).json);
});

it('[rule 23] a certificate issued over MQTT has no DNS name beside its common name, and the hub knows it', async () => {
  const one = await unit('csr-mqtt');
  const tls = one.onboarding.tls;
  const device = await dialMqtt({ host: bed.address, port: bed.ready.ports.mqtts, ca: bed.caPem, tls });
  const username = `${bed.ready.idScope}/registrations/${one.id}/api-version=${apiVersion}&ClientVersion=rules`;
  device.send(
    { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: one.id, keepalive: 0, username },
    { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$dps/registrations/res/#', qos: 1 }] },
  );
  const ask = async (topic: string, payload: string): Promise<Record<string, unknown>> => {
    device.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false });
    for (;;) {
      const packet = await device.next();
      if (packet.cmd !== 'publish') continue;
      device.send({ cmd: 'puback', messageId: packet.messageId ?? 0 });
      return JSON.parse(packet.payload.toString()) as Record<string, unknown>;
    }
  };
  let answer = await ask('$dps/registrations/PUT/iotdps-register/?$rid=0', one.body);
  for (let turn = 1; answer['status'] === 'assigning'; turn += 1) {
    const query = `?$rid=${turn}&operationId=${String(answer['operationId'])}`;
    answer = await ask(`$dps/registrations/GET/iotdps-get-operationstatus/${query}`, ' ');
  }
  device.close();
  await expectIssued(one, answer);
});

it('[rule 23] a certificate issued over AMQP has no DNS name beside its common name, and the hub knows it', async () => {
  const one = await unit('csr-amqp');
  const { certificatePem: cert, privateKeyPem: key } = one.onboarding.tls;
  const place = { host: bed.address, caPem: bed.caPem, port: bed.ready.ports.amqps };
  const client = await dial(place, { cert, key, servername: serviceName });
  const address = `${bed.ready.idScope}/registrations/${one.id}`;
  const conversation = await openLinks(client, address, ['recv', 'send'], apiVersion);
  const replies = await conversation.register({ body: Buffer.from(one.body) }, {});
  await expectIssued(one, replies.at(-1)!.json);
});
