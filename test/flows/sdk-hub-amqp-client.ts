/** Runs in a child process: unmodified azure-iot-device lives on a hub over AMQP while unmodified azure-iothub calls it. */
import { readFileSync } from 'node:fs';
import device from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import iothub from 'azure-iothub';

export interface HubRun {
  readonly transport: 'Amqp' | 'AmqpWs';
  readonly deviceId: string;
  /** By its certificate instead of its key. */
  readonly certificate?: { readonly cert: string; readonly key: string; readonly sha256: string };
}

interface Job {
  readonly hostName: string;
  readonly connectionString: string;
  readonly runs: readonly HubRun[];
}

type HubClient = InstanceType<typeof device.Client>;
type HubMessage = InstanceType<typeof device.Message>;

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;
const { hostName, connectionString } = job;
const registry = iothub.Registry.fromConnectionString(connectionString);

async function create({ deviceId, certificate }: HubRun): Promise<string> {
  if (certificate === undefined) {
    const made = (await registry.create({ deviceId })).responseBody;
    return `HostName=${hostName};DeviceId=${deviceId};SharedAccessKey=${made.authentication?.symmetricKey?.primaryKey ?? ''}`;
  }
  const { sha256 } = certificate;
  const x509Thumbprint = { primaryThumbprint: sha256, secondaryThumbprint: sha256 };
  await registry.create({ deviceId, authentication: { x509Thumbprint } });
  return `HostName=${hostName};DeviceId=${deviceId};x509=true`;
}

function clientOf(run: HubRun, text: string): HubClient {
  const client = device.Client.fromConnectionString(text, deviceAmqp[run.transport]);
  if (run.certificate !== undefined) void client.setOptions({ cert: run.certificate.cert, key: run.certificate.key });
  return client;
}

/** Messages in the order of their arrival; the first comes again because it is abandoned, the third is rejected. */
function messagesOf(client: HubClient) {
  const settlements = ['abandon', 'complete', 'reject'] as const;
  const heard: string[] = [];
  let wake = (): void => undefined;
  client.on('message', (message: HubMessage) => {
    const { properties } = message as unknown as { properties: { getItem(at: number): { value: string } } };
    heard.push(`${message.getBytes().toString()} ${properties.getItem(0).value}`);
    client[settlements[heard.length - 1] ?? 'complete'](message, () => wake());
  });
  return {
    heard,
    async count(wanted: number): Promise<void> {
      while (heard.length < wanted) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

async function until(look: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function stateOf(deviceId: string): Promise<string> {
  return String((await registry.get(deviceId)).responseBody.connectionState);
}

async function live(run: HubRun): Promise<unknown> {
  const { deviceId } = run;
  const text = await create(run);
  const service = iothub.Client.fromConnectionString(connectionString, iothub[run.transport]);
  await service.open();
  // each SDK has a message class of its own, of one shape
  const sendTo = service.send.bind(service) as unknown as (to: string, message: object) => Promise<unknown>;
  const client = clientOf(run, text);
  await client.open();
  const message = new device.Message('{"t":21}');
  message.messageId = 'm1';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('kind', 'hello world');
  await client.sendEvent(message);

  const twin = await client.getTwin();
  const desired: number[] = [];
  twin.on('properties.desired', ({ n }: { n?: number }) => n !== undefined && desired.push(n));
  await new Promise<void>((resolve, reject) => {
    const reported = twin.properties.reported as { update(patch: object, done: (error: Error | null) => void): void };
    reported.update({ firmware: '1.2' }, (error) => (error ? reject(error) : resolve()));
  });
  const badPatch = await new Promise<string>((resolve) => {
    const reported = twin.properties.reported as { update(patch: object, done: (error: Error | null) => void): void };
    reported.update({ 'a.b': 1 }, (error) => resolve(error?.name ?? 'none'));
  });

  client.onDeviceMethod('reboot', (request, response) => {
    response.send(201, { echo: request.payload as unknown }, () => undefined);
  });
  const messages = messagesOf(client);
  const call = { methodName: 'reboot', payload: { n: 1 }, responseTimeoutInSeconds: 20, connectTimeoutInSeconds: 20 };
  const { result } = (await service.invokeDeviceMethod(deviceId, call)) as unknown as { result: unknown };

  const send = async (body: string): Promise<void> => {
    const cloud = new device.Message(body);
    cloud.properties.add('to', 'you');
    await sendTo(deviceId, cloud);
  };
  await send('first');
  await messages.count(2);
  await send('second');
  await messages.count(3);
  await until(async () => Number((await registry.get(deviceId)).responseBody.cloudToDeviceMessageCount) === 0);

  await registry.updateTwin(deviceId, { properties: { desired: { n: 5 } } }, '*');
  await until(() => desired.includes(5));
  const connectionState = await stateOf(deviceId);
  const unknown = await sendTo('nobody', new device.Message('x')).then(
    () => 'none',
    (error: unknown) => (error as Error).name,
  );

  // a second connection of the device ends the first, which comes back and ends the second
  const second = clientOf(run, text);
  second.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
  const kicked = new Promise<void>((resolve) => second.once('disconnect', () => resolve()));
  await second.open();
  // with a certificate the hub knows whose connection it is by its first link
  await second.sendEvent(new device.Message('from the second')).catch(() => undefined);
  await kicked;
  await client.sendEvent(new device.Message('again'));
  await client.close();
  await until(async () => (await stateOf(deviceId)) === 'Disconnected');
  await service.close();
  const reported = (await registry.getTwin(deviceId)).responseBody.properties.reported as { firmware?: string };
  return {
    method: result,
    messages: messages.heard,
    desired,
    connectionState,
    firmware: reported.firmware,
    badPatch,
    unknown,
  };
}

const witnesses = await Promise.all(
  job.runs.map((run) => live(run).catch((error: unknown) => ({ failed: String((error as Error).stack) }))),
);
process.stdout.write(JSON.stringify(witnesses));
process.exit(0);
