/** The unmodified provisioning SDK over AMQP and AMQP over WebSockets, with every proof it has. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTpm } from '../../src-main/agent/tpm/open-tpm.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createServiceClient, type ServiceClient } from '../../src-main/lib/dps/service-client.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../src-main/lib/tpm/registration-id.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import type { AmqpProof, AmqpRun } from './sdk-amqp-client.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';
import { groupOf, makeAuthority, makeLeaf, pemOf } from './service-devices.ts';

const client = new URL('./sdk-amqp-client.ts', import.meta.url);
const key = Buffer.from(Uint8Array.from({ length: 32 }, (_, at) => at)).toString('base64');

let bench: ServiceBench;
let service: ServiceClient;
let folder: string;

beforeAll(async () => {
  bench = await openServiceBench();
  folder = mkdtempSync(join(tmpdir(), 'sdk-amqp-'));
  const connection = must(parseConnectionString(bench.ready.serviceConnectionString));
  const caPem = readFileSync(bench.ready.caFile, 'utf8');
  service = createServiceClient({ connection, caPem }, { clock: systemClock, random: systemRandom });
});

afterAll(async () => {
  service.close();
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});

async function register(...runs: readonly AmqpRun[]): Promise<unknown> {
  const { deviceHost: host, idScope } = bench.ready;
  return bench.client(client, { host, idScope, runs });
}

const both = (proof: AmqpProof): readonly AmqpRun[] =>
  (['Amqp', 'AmqpWs'] as const).map((transport) => ({ transport, proof }));

const assigned = (registrationId: string) => ({
  registrationId,
  status: 'assigned',
  assignedHub: expect.stringMatching(/./) as string,
  deviceId: registrationId,
});

describe('azure-iot-provisioning-device over Amqp and AmqpWs', () => {
  it('registers by certificate, alone and in a group', async () => {
    const authority = await makeAuthority('SDK AMQP');
    const [alone, member] = [await makeLeaf('sdk-x-own', authority), await makeLeaf('sdk-x-group', authority)];
    must(await service.groups.put(groupOf('sdk-line', authority.certificate)));
    const clientCertificates = { primary: { certificate: pemOf(alone.certificate) } };
    const x509 = { type: 'x509' as const, x509: { clientCertificates } };
    must(await service.enrollments.put({ registrationId: 'sdk-x-own', attestation: x509 }));
    const runs = [alone, member].flatMap(({ identity, tls }) => {
      const { certificatePem: cert, privateKeyPem } = tls;
      return both({ is: 'x509', registrationId: identity.registrationId, cert, key: privateKeyPem });
    });
    const ids = ['sdk-x-own', 'sdk-x-own', 'sdk-x-group', 'sdk-x-group'];
    expect(await register(...runs)).toMatchObject(ids.map(assigned));
  });

  it('registers by symmetric key, alone and in a group, and is refused with a wrong one', async () => {
    const attestation = { type: 'symmetricKey' as const, symmetricKey: { primaryKey: key, secondaryKey: key } };
    must(await service.enrollments.put({ registrationId: 'sdk-k-own', attestation }));
    must(await service.groups.put({ enrollmentGroupId: 'sdk-keys', attestation }));
    const derived = createHmac('sha256', Buffer.from(key, 'base64')).update('sdk-k-group').digest('base64');
    const runs = [
      ...both({ is: 'key', registrationId: 'sdk-k-own', key }),
      ...both({ is: 'key', registrationId: 'sdk-k-group', key: derived }),
      ...both({ is: 'key', registrationId: 'sdk-k-own', key: derived }),
    ];
    const ids = ['sdk-k-own', 'sdk-k-own', 'sdk-k-group', 'sdk-k-group'];
    expect(await register(...runs)).toMatchObject([
      ...ids.map(assigned),
      // this SDK drops the reason of a failed login
      { error: 'NotConnectedError' },
      { error: 'NotConnectedError' },
    ]);
  });

  it.each(['software', 'swtpm'] as const)('registers by a %s TPM, within SASL', async (kind) => {
    const state = mkdtempSync(join(folder, `${kind}-`));
    const choice = kind === 'swtpm' ? { kind, stateDir: state } : { kind, stateFile: `${state}/tpm.json` };
    const opened = must(await openTpm(choice, systemClock));
    const { ek } = must(await readTpmIdentity(createTpm(opened.transport, systemClock)));
    await opened.close();
    const registrationId = registrationIdFromEk(ek);
    const attestation = { type: 'tpm' as const, tpm: { endorsementKey: Buffer.from(ek).toString('base64') } };
    must(await service.enrollments.put({ registrationId, attestation }));
    const tpm = { authenticationKey: expect.any(String) as string };
    const wanted = { ...assigned(registrationId), tpm };
    expect(await register(...both({ is: 'tpm', kind, folder: state }))).toMatchObject([wanted, wanted]);
  });
});
