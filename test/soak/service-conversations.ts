/** Good conversations with each door of the provisioning service, whole: what a client sends from its first byte to its last. */
import { generate } from 'mqtt-packet';
import { amqpHeader, attach, begin, credit, frames, open, saslFrame, saslHeader, transfer } from '../exams/amqp-raw.ts';
import { request as amqpRequest } from '../flows/support/amqp-scripts.ts';
import { serviceName, type RuleBed } from '../rules/rule-bed.ts';
import type { Door } from './hub-conversations.ts';

export const soakId = 'soak-1';

export function serviceDoors(bed: RuleBed, authorization: string): readonly Door[] {
  const { ports, idScope } = bed.ready;
  const host = bed.address;
  return [
    { name: 'HTTPS', host, serverName: serviceName, port: ports.https, samples: httpsSamples(bed, authorization) },
    { name: 'WebSocket', host, serverName: serviceName, port: ports.https, samples: webSocketSamples(idScope) },
    { name: 'MQTT', host, serverName: serviceName, port: ports.mqtts, samples: [mqttSample(idScope)] },
    { name: 'AMQP', host, serverName: serviceName, port: ports.amqps, samples: amqpSamples(idScope) },
  ];
}

function httpsSamples(bed: RuleBed, authorization: string): readonly Uint8Array[] {
  const call = (method: string, path: string, json: object): Buffer => {
    const body = JSON.stringify(json);
    const head = [`${method} ${path} HTTP/1.1`, `host: ${serviceName}`, `authorization: ${authorization}`];
    return Buffer.from([...head, `content-length: ${body.length}`, '', body].join('\r\n'));
  };
  const tpm = { endorsementKey: Buffer.from([0, 4, 1, 2, 3, 4]).toString('base64') };
  const twin = { tags: { site: 'b2' }, properties: { desired: { interval: 30 } } };
  const entry = { registrationId: 'e-1', attestation: { type: 'tpm', tpm }, initialTwin: twin };
  return [
    // without the owner's token: the certificate is the proof
    Buffer.from(
      call('PUT', bed.registerPath(soakId), { registrationId: soakId })
        .toString()
        .replace(/authorization.*\r\n/, ''),
    ),
    call('PUT', '/enrollments/e-1?api-version=2021-10-01', entry),
    call('POST', '/enrollments', { mode: 'create', enrollments: [entry] }),
    call('POST', '/enrollments/query', { query: 'SELECT * FROM enrollments' }),
    call('DELETE', '/enrollments/e-1', {}),
    call('GET', '/benchline/v1/linkedHubs', {}),
  ];
}

function mqttSample(idScope: string): Buffer {
  const username = `${idScope}/registrations/${soakId}/api-version=2019-03-31&ClientVersion=soak`;
  const connectPacket = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 60 } as const;
  const topic = '$dps/registrations/PUT/iotdps-register/?$rid=1';
  const body = JSON.stringify({ registrationId: soakId, payload: { room: 4 } });
  const publish = { cmd: 'publish', qos: 1, dup: false, retain: false, messageId: 2 } as const;
  return Buffer.concat([
    generate({ ...connectPacket, clientId: soakId, username }),
    generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$dps/registrations/res/#', qos: 1 }] }),
    generate({ ...publish, topic, payload: body }),
    generate({ cmd: 'puback', messageId: 1 }),
    generate({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['$dps/registrations/res/#'] }),
    generate({ cmd: 'disconnect' }),
  ]);
}

function amqpSamples(idScope: string): readonly Uint8Array[] {
  const address = `${idScope}/registrations/${soakId}`;
  const body = Buffer.from(JSON.stringify({ registrationId: soakId }));
  const message = amqpRequest({ operation: 'iotdps-register', correlationId: 'g-1', body });
  const links = [
    attach({ name: 'in', handle: 0, sends: false, address }),
    attach({ name: 'out', handle: 1, sends: true, address }),
    credit(0, 100),
  ];
  const plain = {
    mechanism: 'PLAIN',
    initial_response: Buffer.from(`\0${address}\0SharedAccessSignature sr=a&sig=b&se=1`),
  };
  const tpm = { mechanism: 'TPM', initial_response: Buffer.from(`\0${idScope}\0${soakId}\0${'k'.repeat(300)}`) };
  return [
    Buffer.concat([amqpHeader, open(), begin(), ...links, transfer(1, 0, message)]),
    Buffer.concat([saslHeader, saslFrame(frames.sasl_init(plain))]),
    Buffer.concat([
      saslHeader,
      saslFrame(frames.sasl_init(tpm)),
      saslFrame(frames.sasl_response({ response: Buffer.alloc(285) })),
    ]),
  ];
}

/** The upgrade, then the packets in one masked frame; the mask is of zeros. */
function webSocketSamples(idScope: string): readonly Uint8Array[] {
  return (['mqtt', 'AMQPWSB10'] as const).map((protocol) => {
    const head = [
      'GET /$iothub/websocket HTTP/1.1',
      `host: ${serviceName}`,
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==',
      `sec-websocket-protocol: ${protocol}`,
    ];
    const payload = protocol === 'mqtt' ? mqttSample(idScope) : (amqpSamples(idScope)[0] ?? Buffer.of());
    const frame = Buffer.from([0x82, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0]);
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), frame, payload]);
  });
}
