/** Good conversations with each door of a hub: a device that lives on it, and a service that asks it. */
import { generate } from 'mqtt-packet';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import { createSignedCaller } from '../../src-main/lib/dps/service-client.ts';
import { amqpHeader, attach, begin, credit, messages, open, transfer } from '../exams/amqp-raw.ts';
import type { RuleBed } from '../rules/rule-bed.ts';

export interface Door {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Where it is not its address. */
  readonly serverName?: string;
  readonly samples: readonly Uint8Array[];
}

const deviceId = 'soak-device';
const version = 'api-version=2021-04-12';
const parts = { clock: systemClock, random: systemRandom, log: silentLog };

export async function hubDoors(bed: RuleBed): Promise<readonly Door[]> {
  const { address: host, ports, registry } = bed.hub;
  const key = Buffer.alloc(32, 7);
  const caller = createSignedCaller({ connection: registry, caPem: bed.caPem }, parts);
  const symmetricKey = { primaryKey: key.toString('base64'), secondaryKey: key.toString('base64') };
  const device = { deviceId, authentication: { type: 'sas', symmetricKey } };
  must(await caller.call({ method: 'PUT', path: `/devices/${deviceId}?${version}`, json: device }));
  caller.close();
  const expiresAtS = Math.floor(systemClock.nowMs() / 1_000) + 3_600;
  const deviceResource = { resource: `${host}/devices/${deviceId}`, expiresAtS };
  const token = must(await createSasToken(deviceResource, keySigner(key)));
  const ownerResource = { resource: host, expiresAtS, keyName: registry.keyName };
  const owner = must(await createSasToken(ownerResource, keySigner(Buffer.from(registry.key, 'base64'))));
  return [
    { name: 'hub HTTPS', host, port: ports.https, samples: httpsSamples(host, { token, owner }) },
    { name: 'hub MQTT', host, port: ports.mqtts, samples: [mqttSample(host, token)] },
    { name: 'hub AMQP', host, port: ports.amqps, samples: [amqpSample(host, token)] },
  ];
}

function httpsSamples(host: string, tokens: { readonly token: string; readonly owner: string }): readonly Uint8Array[] {
  const call = (authorization: string, method: string, path: string, json: unknown): Buffer => {
    const body = JSON.stringify(json);
    const head = [`${method} ${path}?${version} HTTP/1.1`, `host: ${host}`, `authorization: ${authorization}`];
    return Buffer.from([...head, 'iothub-app-room: 4', `content-length: ${body.length}`, '', body].join('\r\n'));
  };
  const { token, owner } = tokens;
  const twin = { tags: { site: 'b2' }, properties: { desired: { interval: 30, nested: { a: null } } } };
  const bulk = [{ id: 'soak-bulk', importMode: 'create' }];
  return [
    call(token, 'POST', `/devices/${deviceId}/messages/events`, { temperature: 20 }),
    call(token, 'GET', `/devices/${deviceId}/messages/devicebound`, {}),
    call(owner, 'PUT', '/devices/soak-other', { deviceId: 'soak-other', status: 'disabled' }),
    call(owner, 'PATCH', `/twins/${deviceId}`, twin),
    call(owner, 'GET', `/twins/${deviceId}`, {}),
    call(owner, 'POST', '/devices', bulk),
    call(owner, 'POST', '/devices/query', { query: "SELECT * FROM devices WHERE tags.site = 'b2'" }),
    call(owner, 'GET', '/statistics/devices', {}),
  ];
}

function mqttSample(host: string, password: string): Buffer {
  const username = `${host}/${deviceId}/?${version}&DeviceClientType=soak`;
  const login = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: false, keepalive: 60 } as const;
  const publish = { cmd: 'publish', qos: 1, dup: false, retain: false } as const;
  const subscriptions = [
    { topic: '$iothub/twin/res/#', qos: 0 as const },
    { topic: '$iothub/methods/POST/#', qos: 0 as const },
    { topic: `devices/${deviceId}/messages/devicebound/#`, qos: 1 as const },
  ];
  const events = `devices/${deviceId}/messages/events/a=b%20c&%24.mid=7`;
  const report = '$iothub/twin/PATCH/properties/reported/?$rid=8';
  return Buffer.concat([
    generate({ ...login, clientId: deviceId, username, password: Buffer.from(password) }),
    generate({ cmd: 'subscribe', messageId: 1, subscriptions }),
    generate({ ...publish, messageId: 2, topic: events, payload: '{"temperature":20}' }),
    generate({ ...publish, messageId: 3, topic: '$iothub/twin/GET/?$rid=7', payload: ' ' }),
    generate({ ...publish, messageId: 4, topic: report, payload: '{"firmware":"1.2","gone":null}' }),
    generate({ cmd: 'pingreq' }),
    generate({ cmd: 'disconnect' }),
  ]);
}

/** A claim by `$cbs`, then telemetry on a link of its own. */
function amqpSample(host: string, token: string): Buffer {
  const name = `${host}/devices/${deviceId}`;
  const claim = messages.encode({
    message_id: 'c-1',
    to: '$cbs',
    reply_to: 'cbs',
    application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name },
    body: token,
  });
  const telemetry = messages.encode({
    application_properties: { room: '4' },
    body: messages.data_section(Buffer.from('{"temperature":20}')),
  });
  return Buffer.concat([
    amqpHeader,
    open({ hostname: host }),
    begin(),
    attach({ name: 'cbs-in', handle: 0, sends: false, address: '$cbs' }),
    attach({ name: 'cbs-out', handle: 1, sends: true, address: '$cbs' }),
    credit(0, 10),
    transfer(1, 0, claim),
    attach({ name: 'events', handle: 2, sends: true, address: `/devices/${deviceId}/messages/events` }),
    transfer(2, 1, telemetry),
  ]);
}
