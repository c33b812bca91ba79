import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createServiceClient, type ServiceClient } from '../../src-main/lib/dps/service-client.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';
import { groupOf, makeAuthority, makeLeaf, pemOf } from './service-devices.ts';

const client = new URL('./sdk-mqtt-client.ts', import.meta.url);
const transports = ['Mqtt', 'MqttWs'] as const;

let bench: ServiceBench;
let service: ServiceClient;

beforeAll(async () => {
  bench = await openServiceBench();
  const connection = must(parseConnectionString(bench.ready.serviceConnectionString));
  const caPem = readFileSync(bench.ready.caFile, 'utf8');
  service = createServiceClient({ connection, caPem }, { clock: systemClock, random: systemRandom });
});

afterAll(async () => {
  service.close();
  await bench.close();
});

function run(units: readonly object[]): Promise<unknown> {
  return bench.client(client, { host: bench.ready.deviceHost, idScope: bench.ready.idScope, units });
}

/** What a device of a group does with its group's key (dps-wire 6). */
function derived(groupKey: string, registrationId: string): string {
  return createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64');
}

function assignedAs(deviceId: string, transport: string): object {
  return {
    status: 'assigned',
    substatus: 'initialAssignment',
    deviceId,
    assignedHub: expect.stringMatching(/^127\./) as string,
    twin: { desired: 1, by: transport },
  };
}

describe('unmodified azure-iot-provisioning-device-mqtt, then azure-iot-device-mqtt at the assigned hub', () => {
  it('[rule 24] by X.509, individual and group, over TCP and WebSockets', async () => {
    const ca = await makeAuthority('SDK MQTT Line');
    must(await service.groups.put(groupOf('sdk-mqtt', ca.certificate)));
    const units = await Promise.all(
      transports.flatMap((transport) =>
        ['single', 'group'].map(async (kind) => {
          const registrationId = `x509-${kind}-${transport.toLowerCase()}`;
          const leaf = await makeLeaf(registrationId, ca);
          if (kind === 'single') {
            const clientCertificates = { primary: { certificate: pemOf(leaf.certificate) } };
            const attestation = { type: 'x509' as const, x509: { clientCertificates } };
            must(await service.enrollments.put({ registrationId, attestation }));
          }
          const certificate = { cert: leaf.tls.certificatePem, key: leaf.tls.privateKeyPem };
          return { transport, registrationId, certificate, payload: { line: 'é' } };
        }),
      ),
    );
    const expected = units.map(({ registrationId, transport }) => assignedAs(registrationId, transport));
    expect(await run(units)).toEqual(expected);
  });

  it('by symmetric key, individual and group, primary and secondary, over TCP and WebSockets', async () => {
    const [primaryKey, secondaryKey] = [1, 2].map((seed) => Buffer.alloc(32, seed).toString('base64')) as [
      string,
      string,
    ];
    const attestation = { type: 'symmetricKey' as const, symmetricKey: { primaryKey, secondaryKey } };
    must(await service.groups.put({ enrollmentGroupId: 'sdk-keys', attestation }));
    const units = transports.flatMap((transport) => {
      const name = transport.toLowerCase();
      const own = [primaryKey, secondaryKey].map((symmetricKey, at) => ({ at, symmetricKey, kind: 'single' }));
      const group = [primaryKey, secondaryKey].map((key, at) => ({
        at,
        symmetricKey: derived(key, `key-group-${at}-${name}`),
        kind: 'group',
      }));
      return [...own, ...group].map(({ at, symmetricKey, kind }) => ({
        transport,
        registrationId: `key-${kind}-${at}-${name}`,
        symmetricKey,
      }));
    });
    for (const { registrationId } of units.filter(({ registrationId }) => registrationId.includes('single'))) {
      must(await service.enrollments.put({ registrationId, attestation }));
    }
    const expected = units.map(({ registrationId, transport }) => assignedAs(registrationId, transport));
    expect(await run(units)).toEqual(expected);
  });

  it('are told when they are not enrolled, and when their key is wrong', async () => {
    const ca = await makeAuthority('Nobody');
    const leaf = await makeLeaf('stranger', ca);
    const certificate = { cert: leaf.tls.certificatePem, key: leaf.tls.privateKeyPem };
    const symmetricKey = Buffer.alloc(32, 9).toString('base64');
    const witness = await run([
      { transport: 'Mqtt', registrationId: 'stranger', certificate },
      ...transports.map((transport) => ({ transport, registrationId: `nobody-${transport}`, symmetricKey })),
    ]);
    // an enrollment that is missing is told by an answer, a key that proves nothing at CONNECT (dps-wire 13 item 20)
    expect(witness).toEqual([
      { failed: 'UnauthorizedError', message: 'incoming message failure' },
      { failed: 'Error', message: 'Connection refused: Not authorized' },
      { failed: 'Error', message: 'Connection refused: Not authorized' },
    ]);
  });
});
