/** Devices of a hub bench, as tests make, connect and ask them. */
import { once, type EventEmitter } from 'node:events';
import { request, type RequestOptions } from 'node:https';
import type { MqttClient } from 'mqtt';
import { fromBase64 } from '../../src-main/lib/base/bytes.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import { connectDevice, deviceToken, type DeviceLogin, type HubBench } from './hub-bench.ts';

export interface WebAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface WebCall {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly cert?: string;
  readonly key?: string;
}

export interface HubDevices {
  /** Gives its primary key. */
  create(deviceId: string, body?: object): Promise<string>;
  identity(deviceId: string): Promise<Record<string, unknown>>;
  connect(login: DeviceLogin): Promise<MqttClient>;
  /** `lifeS`: of its token. */
  connectByKey(
    deviceId: string,
    key: string,
    more?: Partial<DeviceLogin> & { readonly lifeS?: number },
  ): Promise<MqttClient>;
  /** As a device that signs with this key. */
  web(deviceId: string, key: string, call: WebCall): Promise<WebAnswer>;
  /** As a service that holds the policy's key. */
  service(call: WebCall): Promise<WebAnswer>;
  /** Ends every connection. */
  close(): void;
}

export function hubDevices(bench: HubBench): HubDevices {
  const clients: MqttClient[] = [];
  const connect = async (login: DeviceLogin): Promise<MqttClient> => {
    const client = await connectDevice(bench, login);
    clients.push(client);
    client.on('error', () => undefined);
    return client;
  };
  const identity = async (deviceId: string): Promise<Record<string, unknown>> => {
    const path = `/devices/${encodeURIComponent(deviceId)}`;
    return must(await bench.registry.call({ method: 'GET', path })).json as Record<string, unknown>;
  };
  return {
    async create(deviceId, body = {}) {
      const path = `/devices/${encodeURIComponent(deviceId)}`;
      const reply = must(await bench.registry.call({ method: 'PUT', path, json: { deviceId, ...body } }));
      const made = reply.json as { authentication: { symmetricKey: { primaryKey: string } } };
      return made.authentication.symmetricKey.primaryKey;
    },
    identity,
    connect,
    async connectByKey(deviceId, key, { lifeS = 600, ...more } = {}) {
      return connect({ deviceId, password: await deviceToken(bench, { deviceId, key, lifeS }), ...more });
    },
    async web(deviceId, key, call) {
      const authorization = await deviceToken(bench, { deviceId, key });
      return webCall(bench, { ...call, headers: { authorization, ...call.headers } });
    },
    async service(call) {
      const expiresAtS = Math.floor(systemClock.nowMs() / 1000) + 600;
      const wanted = { resource: bench.address, expiresAtS, keyName: 'iothubowner' };
      const authorization = must(await createSasToken(wanted, keySigner(fromBase64(bench.policyKey)!)));
      return webCall(bench, { ...call, headers: { authorization, ...call.headers } });
    },
    close() {
      for (const client of clients) client.end(true);
    },
  };
}

/** One request on a connection of its own. */
export async function webCall(bench: HubBench, call: WebCall): Promise<WebAnswer> {
  const options: RequestOptions = {
    ...{ host: bench.address, port: bench.ports.https, ca: bench.caPem, agent: false },
    ...{ method: call.method, path: call.path, headers: { ...call.headers } },
    ...(call.cert === undefined ? {} : { cert: call.cert, key: call.key }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    asked.on('error', reject);
    asked.end(call.body);
  });
}

export interface HeardMessage {
  readonly topic: string;
  readonly text: string;
}

/** The next message of this client. */
export async function nextMessage(client: MqttClient): Promise<HeardMessage> {
  const [topic, payload] = (await once(client as unknown as EventEmitter, 'message')) as [string, Buffer];
  return { topic, text: payload.toString() };
}

export function closeOf(client: MqttClient): Promise<unknown> {
  // a reset is an end too: `once` of Node would fail on its error
  return new Promise((resolve) => client.once('close', () => resolve(undefined)));
}
