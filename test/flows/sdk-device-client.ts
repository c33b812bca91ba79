/** Runs in a child process: unmodified azure-iot-provisioning-device registers, azure-iot-device then reads its twin. */
import { readFileSync } from 'node:fs';
import device from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import provisioning from 'azure-iot-provisioning-device';
import provisioningHttp from 'azure-iot-provisioning-device-http';
import security from 'azure-iot-security-x509';
import { openTpm } from '../../src-main/agent/tpm/open-tpm.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must, type Result } from '../../src-main/lib/base/result.ts';
import { activateIdentityKey, hmacWithIdentityKey } from '../../src-main/lib/tpm/identity-key.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../src-main/lib/tpm/registration-id.ts';
import { createTpm, type Tpm } from '../../src-main/lib/tpm/tpm.ts';

interface Job {
  readonly host: string;
  readonly idScope: string;
  readonly x509?: { readonly registrationId: string; readonly cert: string; readonly key: string };
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

/** Ours, because azure-iot-security-tpm needs a package that does not install; it decides nothing. */
async function tpmSecurity(tpm: Tpm) {
  const identity = must(await readTpmIdentity(tpm));
  const registrationId = registrationIdFromEk(identity.ek);
  const answer = <T>(work: Promise<Result<T>>, done: (error: Error, value?: T) => void): void => {
    void work.then((result) => {
      if (result.ok) done(null as unknown as Error, result.value);
      else done(new Error(result.fault.say));
    });
  };
  return {
    registrationId,
    endorsementKey: Buffer.from(identity.ek).toString('base64'),
    getEndorsementKey: (done: (error: Error, key?: Buffer) => void) =>
      done(null as unknown as Error, Buffer.from(identity.ek)),
    getStorageRootKey: (done: (error: Error, key?: Buffer) => void) =>
      done(null as unknown as Error, Buffer.from(identity.srk)),
    getRegistrationId: (done: (error: Error, id?: string) => void) => done(null as unknown as Error, registrationId),
    activateIdentityKey: (blob: Buffer, done: (error: Error) => void) =>
      answer(activateIdentityKey(tpm, new Uint8Array(blob)), (error) => done(error)),
    signWithIdentity: (text: Buffer, done: (error: Error, signature?: Buffer) => void) =>
      answer(hmacWithIdentityKey(tpm, new Uint8Array(text)), (error, signature) =>
        done(error, signature === undefined ? undefined : Buffer.from(signature)),
      ),
  };
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

const witness = job.x509 === undefined ? await byTpm(job.tpm!) : await byCertificate(job.x509);
process.stdout.write(JSON.stringify(witness));
process.exit(0);
