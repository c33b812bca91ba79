/** Runs in a child process: unmodified azure-iot-device lives on a hub, over MQTT or HTTPS, while azure-iothub calls it. */
import { once, type EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import device from 'azure-iot-device';
import deviceHttp from 'azure-iot-device-http';
import deviceMqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import { connectAsync } from 'mqtt';
import { fromBase64 } from '../../src-main/lib/base/bytes.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';

const transports = { mqtt: deviceMqtt.Mqtt, 'mqtt-ws': deviceMqtt.MqttWs, http: deviceHttp.Http } as const;

interface Job {
  readonly hostName: string;
  readonly connectionString: string;
  readonly transport: keyof typeof transports;
  readonly deviceId: string;
  /** Killed in the middle; whoever runs it brings it back. */
  readonly hubPid?: number;
}

type HubClient = InstanceType<typeof device.Client>;
type HubMessage = InstanceType<typeof device.Message>;

const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Job;
const { hostName, deviceId } = job;
const registry = iothub.Registry.fromConnectionString(job.connectionString);
const service = iothub.Client.fromConnectionString(job.connectionString);

async function tokenFor(resource: string, key: string, keyName?: string): Promise<string> {
  const expiresAtS = Math.floor(systemClock.nowMs() / 1000) + 3_600;
  const wanted = { resource, expiresAtS, ...(keyName === undefined ? {} : { keyName }) };
  return must(await createSasToken(wanted, keySigner(fromBase64(key)!)));
}

/** The hub's own way in for messages to a device: IoT Hub's is AMQP. */
async function enqueue(text: string): Promise<void> {
  const { keyName, key } = must(parseConnectionString(job.connectionString));
  const headers = {
    authorization: await tokenFor(hostName, key, keyName),
    'iothub-messageid': `id-${text}`,
    'iothub-app-kind': 'greeting',
  };
  const path = `/devices/${deviceId}/messages/devicebound?api-version=2021-04-12`;
  const reply = await fetch(`https://${hostName}${path}`, { method: 'POST', headers, body: text });
  if (!reply.ok) throw new Error(`not enqueued: ${reply.status}`);
}

interface Heard {
  readonly text: string;
  readonly messageId: string;
  readonly kind: string | undefined;
}

/** Messages in the order of their arrival, each settled as `how` says at that time. */
function messagesOf(client: HubClient, how: () => 'complete' | 'abandon' | 'reject') {
  const heard: Heard[] = [];
  const waiting: (() => void)[] = [];
  client.on('message', (message: HubMessage) => {
    const { messageId, properties } = message as unknown as {
      messageId: string;
      properties: { propertyList: readonly { key: string; value: string }[] };
    };
    // over HTTPS this SDK leaves the header's prefix before the name
    const kind = properties.propertyList.find(({ key }) => key.replace('iothub-app-', '') === 'kind')?.value;
    heard.push({ text: message.getBytes().toString(), messageId, kind });
    client[how()](message, () => {
      waiting.splice(0).forEach((wake) => {
        wake();
      });
    });
  });
  return {
    heard,
    async settled(count: number): Promise<void> {
      while (heard.length < count) await new Promise<void>((wake) => waiting.push(wake));
    },
  };
}

function clientOf(key: string): HubClient {
  const text = `HostName=${hostName};DeviceId=${deviceId};SharedAccessKey=${key}`;
  return device.Client.fromConnectionString(text, transports[job.transport]);
}

async function invoke(payload: unknown): Promise<unknown> {
  const call = { methodName: 'reboot', payload, responseTimeoutInSeconds: 20, connectTimeoutInSeconds: 60 };
  const { result } = (await service.invokeDeviceMethod(deviceId, call)) as unknown as { result: unknown };
  return result;
}

async function overMqtt(key: string): Promise<unknown> {
  const client = clientOf(key);
  await client.open();
  const message = new device.Message('{"t":21}');
  message.messageId = 'm1';
  message.contentType = 'application/json';
  message.properties.add('kind', 'hello world');
  await client.sendEvent(message);
  client.onDeviceMethod('reboot', (request, response) => {
    response.send(201, { echo: request.payload as unknown }, () => undefined);
  });
  const messages = messagesOf(client, () => 'complete');
  const twin = await client.getTwin();
  const desired: number[] = [];
  twin.on('properties.desired', ({ n }: { n?: number }) => n !== undefined && desired.push(n));

  /** A method call, a message and a desired property, each of which must arrive over what was subscribed once. */
  const turn = async (n: number): Promise<unknown> => {
    const answer = await invoke({ n });
    await enqueue(`message-${n}`);
    await messages.settled(n);
    await registry.updateTwin(deviceId, { properties: { desired: { n } } }, '*');
    while (!desired.includes(n)) await new Promise((resolve) => setImmediate(resolve));
    return answer;
  };
  const answers = [await turn(1)];
  await kick(key);
  answers.push(await turn(2));
  if (job.hubPid !== undefined) {
    await enqueue('message-3');
    await messages.settled(3);
    await queueIsEmpty();
    process.kill(job.hubPid, 'SIGKILL');
    await eventually(() => registry.get(deviceId));
    answers.push(await turn(4));
  }
  await client.close();
  return { answers, messages: messages.heard, desired };
}

/** Another connection under the same id ends the SDK's; it comes back and ends this one. */
async function kick(key: string): Promise<void> {
  const other = await connectAsync(`mqtts://${hostName}:8883`, {
    clientId: deviceId,
    username: `${hostName}/${deviceId}/?api-version=2021-04-12`,
    password: await tokenFor(`${hostName}/devices/${deviceId}`, key),
    clean: false,
    reconnectPeriod: 0,
    resubscribe: false,
  });
  await once(other as unknown as EventEmitter, 'close');
}

async function eventually(look: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const found = await look().then(
      () => true,
      () => false,
    );
    if (found) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Until the hub itself has dealt with every settlement: before that it may rightly send a message again. */
async function queueIsEmpty(): Promise<void> {
  await eventually(async () => {
    const { responseBody } = await registry.get(deviceId);
    if (Number(responseBody.cloudToDeviceMessageCount) !== 0) throw new Error('not settled yet');
  });
}

async function overHttps(key: string): Promise<unknown> {
  const settlements = ['abandon', 'complete', 'reject'] as const;
  const client = clientOf(key);
  await client.open();
  const message = new device.Message('{"t":21}');
  message.messageId = 'm1';
  message.properties.add('kind', 'hello world');
  await client.sendEvent(message);
  await client.sendEventBatch([new device.Message('one'), new device.Message('two')]);
  await enqueue('first');
  await enqueue('second');
  const messages = messagesOf(client, () => settlements[messages.heard.length - 1] ?? 'complete');
  // abandoned, it comes again
  await messages.settled(3);
  await queueIsEmpty();
  await client.close();
  // The SDK asks for the next message while it gives one back: which of the two the hub hears of first is open.
  return { messages: messages.heard.toSorted((one, other) => one.text.localeCompare(other.text)) };
}

const made = (await registry.create({ deviceId })).responseBody;
const primaryKey = made.authentication?.symmetricKey?.primaryKey ?? '';
const witness = job.transport === 'http' ? await overHttps(primaryKey) : await overMqtt(primaryKey);
process.stdout.write(JSON.stringify(witness));
// the SDKs keep idle connections open
process.exit(0);
