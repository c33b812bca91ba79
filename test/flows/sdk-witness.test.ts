import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeHierarchy, openSsl, type OpenSsl } from '../exams/openssl.ts';
import { selfSigned } from '../exams/hub-bench.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';

const hubClient = new URL('./sdk-hub-client.ts', import.meta.url);
const enrollmentClient = new URL('./sdk-enrollment-client.ts', import.meta.url);
const deviceClient = new URL('./sdk-device-client.ts', import.meta.url);

let bench: ServiceBench;
let tool: OpenSsl;
let tpmFolder: string;

beforeAll(async () => {
  bench = await openServiceBench();
  tool = openSsl();
  makeHierarchy(tool, 'p256');
  tpmFolder = mkdtempSync(join(tmpdir(), 'sdk-flow-tpm-'));
});

afterAll(async () => {
  await bench.close();
  tool.remove();
  rmSync(tpmFolder, { recursive: true, force: true });
});

/** A leaf under the intermediate, with its chain, made by OpenSSL. */
function leaf(registrationId: string): { cert: string; key: string } {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', `${registrationId}.key`];
  tool.run('req', ...key, '-subj', `/CN=${registrationId}`, '-out', 'leaf.csr');
  tool.put('leaf.ext', 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-extfile', 'leaf.ext', '-days', '20'];
  tool.run('x509', '-req', '-in', 'leaf.csr', '-out', 'leaf.pem', ...signed);
  const cert = tool.get('leaf.pem').toString() + tool.get('ca.pem').toString();
  return { cert, key: tool.get(`${registrationId}.key`).toString() };
}

describe('a hub', () => {
  it('serves unmodified azure-iothub, and azure-iot-device over MQTT by key and by certificate', async () => {
    const { hostName, connectionString } = bench.ready.hubs[0]!;
    const job = { hostName, connectionString, certificate: selfSigned('by-x509') };
    const connected = {
      version: 1,
      desired: { $version: 2, interval: 30 },
      connectionState: 'Connected',
      reported: '1.2',
    };
    expect(await bench.client(hubClient, job)).toEqual({
      registry: {
        sameIdentity: true,
        listed: ['plain'],
        desiredVersion: 1,
        site: 'b2',
        status: 'disabled',
        refusals: {
          stale: 'InvalidEtagError',
          twice: 'DeviceAlreadyExistsError',
          gone: 'DeviceNotFoundError',
          unanswered: 'ArgumentError',
        },
        found: ['plain'],
        bulk: { isSuccessful: false, failed: ['plain'] },
        ids: ['bulk-1', 'plain'],
        statistics: { totalDeviceCount: 2, enabledDeviceCount: 0, disabledDeviceCount: 2 },
      },
      sas: connected,
      x509: connected,
    });
  });
});

describe('the service', () => {
  it('serves unmodified azure-iot-provisioning-service', async () => {
    const tpm = { kind: 'software', folder: mkdtempSync(join(tpmFolder, 'crud-')) };
    const identity = (await bench.client(deviceClient, {
      host: '',
      idScope: '',
      tpm,
      onlyIdentity: true,
    })) as {
      endorsementKey: string;
    };
    const job = {
      connectionString: bench.ready.serviceConnectionString,
      caPem: tool.get('ca.pem').toString(),
      endorsementKey: identity.endorsementKey,
    };
    expect(await bench.client(enrollmentClient, job)).toMatchObject({
      bulk: { isSuccessful: true },
      individual: {
        deviceId: 'press-17',
        status: 'disabled',
        refusals: { stale: 'InvalidEtagError', gone: 'Error' },
        ids: expect.arrayContaining(['bulk-a', 'bulk-b', 'crud-1']) as string[],
      },
      group: { id: 'crud-line', subject: expect.stringContaining('Outside Intermediate') as string, gone: 'Error' },
      symmetric: { bytes: 64, isHidden: true, isKept: true },
    });
  });
});

describe('a device', () => {
  const home = (): { host: string; idScope: string } => ({
    host: bench.ready.deviceHost,
    idScope: bench.ready.idScope,
  });
  const hubNames = (): string[] => bench.ready.hubs.map(({ hostName }) => hostName);

  it('registers with unmodified SDKs through an X.509 group and reads its twin in the assigned hub', async () => {
    const enrolled = await bench.ask('enroll-group', '--id', 'line-7', '--certificate', tool.path('ca.pem'));
    expect(enrolled).toMatchObject({ code: 0 });
    const x509 = { registrationId: 'unit-x1', ...leaf('unit-x1') };
    const witness = (await bench.client(deviceClient, { ...home(), x509 })) as { assignedHub: string };
    expect(witness).toMatchObject({ deviceId: 'unit-x1', desired: { $version: 1 } });
    expect(hubNames()).toContain(witness.assignedHub);
    const again = await bench.client(deviceClient, { ...home(), x509 });
    expect(again).toMatchObject({ assignedHub: witness.assignedHub, deviceId: 'unit-x1' });
  });

  it.each(['software', 'swtpm'] as const)(
    'registers with unmodified SDKs by a %s TPM and reads its twin in the assigned hub',
    async (kind) => {
      const tpm = { kind, folder: mkdtempSync(join(tpmFolder, `${kind}-`)) };
      const identity = (await bench.client(deviceClient, { ...home(), tpm, onlyIdentity: true })) as {
        registrationId: string;
        endorsementKey: string;
      };
      const enrolled = await bench.ask('enroll', '--tpm-ek', identity.endorsementKey, '--device-id', `press-${kind}`);
      expect(enrolled).toEqual({ code: 0, text: `${identity.registrationId} is enrolled.\n` });
      const witness = (await bench.client(deviceClient, { ...home(), tpm })) as { assignedHub: string };
      expect(witness).toMatchObject({ deviceId: `press-${kind}`, desired: { $version: 1 } });
      expect(hubNames()).toContain(witness.assignedHub);
      const listed = await bench.ask('registrations', '--json');
      expect(JSON.parse(listed.text)).toContainEqual(
        expect.objectContaining({ registrationId: identity.registrationId, assignedHub: witness.assignedHub }),
      );
    },
  );
});
