/** Runs in a child process: unmodified azure-iot-provisioning-device-mqtt registers, azure-iot-device-mqtt goes on. */
import { readFileSync } from 'node:fs';
import device from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import provisioning from 'azure-iot-provisioning-device';
import provisioningMqtt from 'azure-iot-provisioning-device-mqtt';
import symmetric from 'azure-iot-security-symmetric-key';
import x509 from 'azure-iot-security-x509';

interface Unit {
  readonly transport: 'Mqtt' | 'MqttWs';
  readonly registrationId: string;
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly symmetricKey?: string;
  readonly payload?: object;
}

interface Job {
  readonly host: string;
  readonly idScope: string;
  readonly units: readonly Unit[];
}

interface Assignment {
  readonly assignedHub: string;
  readonly deviceId: string;
  readonly status: string;
  readonly substatus: string;
}

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;

type Proof = Parameters<typeof provisioning.ProvisioningDeviceClient.create>[3];

function proofOf({ registrationId, certificate, symmetricKey }: Unit): Proof {
  if (certificate !== undefined) return new x509.X509Security(registrationId, certificate);
  // each SDK package brings its own copy of the class in this type
  return new symmetric.SymmetricKeySecurityClient(registrationId, symmetricKey!) as unknown as Proof;
}

async function register(unit: Unit): Promise<Assignment> {
  const transport = new provisioningMqtt[unit.transport]();
  const client = provisioning.ProvisioningDeviceClient.create(job.host, job.idScope, transport, proofOf(unit));
  if (unit.payload !== undefined) client.setProvisioningPayload(unit.payload);
  return (await client.register()) as unknown as Assignment;
}

/** Sends, reports and reads its twin, then comes back on the same transport. */
async function visit(unit: Unit, { assignedHub, deviceId }: Assignment): Promise<unknown> {
  const proof = unit.certificate === undefined ? `SharedAccessKey=${unit.symmetricKey!}` : 'x509=true';
  const text = `HostName=${assignedHub};DeviceId=${deviceId};${proof}`;
  const client = device.Client.fromConnectionString(text, deviceMqtt[unit.transport]);
  if (unit.certificate !== undefined) void client.setOptions(unit.certificate);
  await client.open();
  await client.sendEvent(new device.Message('{"booted":true}'));
  const twin = await client.getTwin();
  await new Promise<void>((resolve, reject) => {
    const reported = twin.properties.reported as { update(patch: object, done: (error: Error | null) => void): void };
    reported.update({ by: unit.transport }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  await client.close();
  await client.open();
  const again = await client.getTwin();
  await client.close();
  return { desired: again.properties.desired['$version'] as number, by: again.properties.reported['by'] as string };
}

async function witnessOf(unit: Unit): Promise<unknown> {
  try {
    const assignment = await register(unit);
    const { status, substatus, deviceId, assignedHub } = assignment;
    return { status, substatus, deviceId, assignedHub, twin: await visit(unit, assignment) };
  } catch (error) {
    const { name, message } = error as Error;
    return { failed: name, message };
  }
}

process.stdout.write(JSON.stringify(await Promise.all(job.units.map(witnessOf))));
process.exit(0);
