/** Runs in a child process: unmodified azure-iot-provisioning-device registers, azure-iot-device then reads its twin. */
import { readFileSync } from 'node:fs';
import device from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import provisioning from 'azure-iot-provisioning-device';
import provisioningHttp from 'azure-iot-provisioning-device-http';
import symmetric from 'azure-iot-security-symmetric-key';
import security from 'azure-iot-security-x509';
import { openTpm } from '../../src-main/agent/tpm/open-tpm.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { hmacWithIdentityKey } from '../../src-main/lib/tpm/identity-key.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { tpmSecurity } from './sdk-tpm-security.ts';

interface Job {
  readonly host: string;
  readonly idScope: string;
  readonly x509?: { readonly registrationId: string; readonly cert: string; readonly key: string };
  readonly symmetricKey?: { readonly registrationId: string; readonly key: string };
  /** `file`: of the software TPM, within the folder. */
  readonly tpm?: { readonly kind: 'swtpm' | 'software'; readonly folder: string; readonly file?: string };
  /** With a TPM: say who it is, and register nothing. */
  readonly onlyIdentity?: boolean;
}

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;

interface Assignment {
  readonly assignedHub: string;
  readonly deviceId: string;
}

type HubClient = InstanceType<typeof device.Client>;

async function twinOf(client: HubClient): Promise<unknown> {
  await client.open();
  await client.sendEvent(new device.Message('{"booted":true}'));
  const twin = await client.getTwin();
  await client.close();
  return twin.properties.desired;
}

async function byCertificate({ registrationId, cert, key }: NonNullable<Job['x509']>): Promise<unknown> {
  const proof = new security.X509Security(registrationId, { cert, key });
  const client = provisioning.ProvisioningDeviceClient.create(
    job.host,
    job.idScope,
    new provisioningHttp.Http(),
    proof,
  );
  const { assignedHub, deviceId } = (await client.register()) as Assignment;
  const text = `HostName=${assignedHub};DeviceId=${deviceId};x509=true`;
  const hub = device.Client.fromConnectionString(text, deviceMqtt.Mqtt);
  void hub.setOptions({ cert, key });
  return { assignedHub, deviceId, desired: await twinOf(hub) };
}

async function byKey({ registrationId, key }: NonNullable<Job['symmetricKey']>): Promise<unknown> {
  const proof = new symmetric.SymmetricKeySecurityClient(registrationId, key);
  const transport = new provisioningHttp.Http();
  // Its packages bring one azure-iot-common each: the same class, twice.
  const client = provisioning.ProvisioningDeviceClient.create(job.host, job.idScope, transport, proof as never);
  const { assignedHub, deviceId } = (await client.register()) as Assignment;
  const text = `HostName=${assignedHub};DeviceId=${deviceId};SharedAccessKey=${key}`;
  const hub = device.Client.fromConnectionString(text, deviceMqtt.Mqtt);
  return { assignedHub, deviceId, desired: await twinOf(hub) };
}

async function byTpm({ kind, folder, file = 'tpm.json' }: NonNullable<Job['tpm']>): Promise<unknown> {
  const choice = kind === 'swtpm' ? { kind, stateDir: folder } : { kind, stateFile: `${folder}/${file}` };
  const opened = must(await openTpm(choice, systemClock));
  const tpm = createTpm(opened.transport, systemClock);
  const proof = await tpmSecurity(tpm);
  const { registrationId, endorsementKey } = proof;
  try {
    if (job.onlyIdentity === true) return { registrationId, endorsementKey };
    const transport = new provisioningHttp.Http();
    const client = provisioning.ProvisioningDeviceClient.create(job.host, job.idScope, transport, proof);
    // with a TPM this SDK gives the whole operation (dps-wire section 11.2)
    const operation = (await client.register()) as unknown as { readonly registrationState: Assignment };
    const { assignedHub, deviceId } = operation.registrationState;
    const sr = encodeURIComponent(`${assignedHub}/devices/${deviceId}`);
    const expires = Math.floor(systemClock.nowMs() / 1000) + 3_600;
    const signature = must(await hmacWithIdentityKey(tpm, Buffer.from(`${sr}\n${expires}`)));
    const sig = encodeURIComponent(Buffer.from(signature).toString('base64'));
    const token = `SharedAccessSignature sr=${sr}&sig=${sig}&se=${expires}`;
    const hub = device.Client.fromSharedAccessSignature(token, deviceMqtt.Mqtt);
    return { registrationId, endorsementKey, assignedHub, deviceId, desired: await twinOf(hub) };
  } finally {
    await opened.close();
  }
}

async function witnessed(): Promise<unknown> {
  if (job.x509 !== undefined) return byCertificate(job.x509);
  return job.symmetricKey === undefined ? byTpm(job.tpm!) : byKey(job.symmetricKey);
}

const witness = await witnessed();
process.stdout.write(JSON.stringify(witness));
process.exit(0);
