/** Runs in a child process: unmodified azure-iothub and azure-iot-device against one hub. */
import { readFileSync } from 'node:fs';
import device from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';

interface Job {
  readonly hostName: string;
  readonly connectionString: string;
  readonly certificate: { readonly cert: string; readonly key: string; readonly sha256: string };
}

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;
const registry = iothub.Registry.fromConnectionString(job.connectionString);

async function refusalOf(call: () => Promise<unknown>): Promise<string> {
  return call().then(
    () => 'none',
    (error: unknown) => (error as Error).name,
  );
}

async function registryWitness(): Promise<unknown> {
  const made = (await registry.create({ deviceId: 'plain' })).responseBody;
  const got = (await registry.get('plain')).responseBody;
  const sameIdentity = made.etag === got.etag && made.generationId === got.generationId;
  const listed = (await registry.list()).responseBody.map(({ deviceId }) => deviceId);
  const twin = (await registry.getTwin('plain')).responseBody;
  const renamed = (await registry.updateTwin('plain', { tags: { site: 'b2' } }, twin.etag)).responseBody;
  const stale = await refusalOf(() => registry.updateTwin('plain', { tags: { site: 'b3' } }, twin.etag));
  const updated = (await registry.update(Object.assign(got, { status: 'disabled' }))).responseBody;
  const twice = await refusalOf(() => registry.create({ deviceId: 'plain' }));
  const bulk = (await registry.addDevices([{ deviceId: 'bulk-1' }, { deviceId: 'plain' }])).responseBody;
  const ids: string[] = [];
  const query = registry.createQuery('SELECT * FROM devices', 1);
  while (query.hasMoreResults) ids.push(...(await query.nextAsTwin()).result.map(({ deviceId }) => deviceId));
  const chosen = registry.createQuery("SELECT * FROM devices WHERE tags.site = 'b2' AND status = 'disabled'");
  const found = (await chosen.nextAsTwin()).result.map(({ deviceId }) => deviceId);
  const unanswered = await refusalOf(() => registry.createQuery('SELECT count() FROM devices').nextAsTwin());
  const [bulked] = (await registry.updateDevices([{ deviceId: 'bulk-1', status: 'disabled' }], true)).responseBody
    .errors;
  const statistics = (await registry.getRegistryStatistics()).responseBody;
  await registry.removeDevices([{ deviceId: 'bulk-1' }], true);
  await registry.delete('plain');
  const gone = await refusalOf(() => registry.get('plain'));

  return {
    sameIdentity,
    listed,
    desiredVersion: twin.properties.desired['$version'] as number,
    site: (renamed.tags as { site?: string }).site,
    status: updated.status,
    refusals: { stale, twice, gone, unanswered },
    found,
    bulked: bulked?.deviceId,
    bulk: { isSuccessful: bulk.isSuccessful, failed: bulk.errors.map(({ deviceId }) => deviceId) },
    ids,
    statistics,
  };
}

/** Connects, sends, reads the twin, reports, and hears what is desired of it. */
async function deviceWitness(client: InstanceType<typeof device.Client>, deviceId: string): Promise<unknown> {
  await client.open();
  const message = new device.Message(JSON.stringify({ temperature: 21 }));
  message.properties.add('kind', 'hello world');
  await client.sendEvent(message);
  const twin = await client.getTwin();
  const version = (twin.properties.desired as { $version?: number }).$version;
  const heard = new Promise<unknown>((resolve) => {
    twin.on('properties.desired', (desired: { interval?: number }) => {
      if (desired.interval !== undefined) resolve(desired);
    });
  });
  await new Promise<void>((resolve, reject) => {
    const reported = twin.properties.reported as { update(patch: object, done: (error: Error | null) => void): void };
    reported.update({ firmware: '1.2' }, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  await registry.updateTwin(deviceId, { properties: { desired: { interval: 30 } } }, '*');
  const desired = await heard;
  const seen = (await registry.get(deviceId)).responseBody;
  const service = (await registry.getTwin(deviceId)).responseBody;
  await client.close();
  return {
    version,
    desired,
    connectionState: seen.connectionState,
    reported: (service.properties.reported as { firmware?: string }).firmware,
  };
}

async function bySas(): Promise<unknown> {
  const made = (await registry.create({ deviceId: 'by-sas' })).responseBody;
  const key = made.authentication?.symmetricKey?.primaryKey ?? '';
  const text = `HostName=${job.hostName};DeviceId=by-sas;SharedAccessKey=${key}`;
  return deviceWitness(device.Client.fromConnectionString(text, deviceMqtt.Mqtt), 'by-sas');
}

async function byCertificate(): Promise<unknown> {
  const { cert, key, sha256 } = job.certificate;
  const x509Thumbprint = { primaryThumbprint: sha256, secondaryThumbprint: sha256 };
  await registry.create({ deviceId: 'by-x509', authentication: { x509Thumbprint } });
  const text = `HostName=${job.hostName};DeviceId=by-x509;x509=true`;
  const client = device.Client.fromConnectionString(text, deviceMqtt.Mqtt);
  void client.setOptions({ cert, key });
  return deviceWitness(client, 'by-x509');
}

const witness = { registry: await registryWitness(), sas: await bySas(), x509: await byCertificate() };
process.stdout.write(JSON.stringify(witness));
// the SDK keeps idle connections open
process.exit(0);
