/**
 * The real service in this process, and on each of its doors one conversation after another that was a good one until some
 * bytes of it were changed: every connection ends, no error is ours, and a device registers between them as ever.
 */
import { once } from 'node:events';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { amqpHeader, attach, begin, credit, frames, open, saslFrame, saslHeader, transfer } from '../exams/amqp-raw.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from '../flows/service-devices.ts';
import { request as amqpRequest } from '../flows/support/amqp-scripts.ts';
import { openRuleBed, serviceName, type RuleBed } from '../rules/rule-bed.ts';
import { changedSamples } from './inputs.ts';
import type { Soak, SoakCount } from './runner.ts';

const id = 'soak-1';
const conversations = 3_000;
// A whole registration takes some 20 ms; what has ended its own side is answered and let go at once.
const limitMs = 10_000;
// Devices that are as ever, between the others.
const every = 250;

interface Door {
  readonly name: string;
  readonly port: number;
  readonly samples: readonly Uint8Array[];
}

export const wires: Soak = {
  name: 'wires',
  about: 'broken conversations with every door of the service; each connection ends, and no error is the service’s own',
  async run({ seed, scale, say }) {
    const bed = await openRuleBed();
    try {
      const line = await makeAuthority('Soak line');
      must(await bed.client.groups.put(groupOf('soak-line', line.certificate)));
      const leaf = await makeLeaf(id, line);
      const counts: SoakCount[] = [];
      for (const door of doorsOf(bed, await bed.owner())) {
        say(door.name);
        const numRuns = Math.max(1, Math.round(conversations * scale));
        await tryDoor({ bed, leaf, door }, { seed, numRuns });
        counts.push({ name: door.name, count: numRuns });
      }
      return counts;
    } finally {
      await bed.close();
    }
  },
};

interface Trial {
  readonly bed: RuleBed;
  readonly leaf: Leaf;
  readonly door: Door;
}

async function tryDoor(trial: Trial, terms: { readonly seed: number; readonly numRuns: number }): Promise<void> {
  const { bed, leaf, door } = trial;
  let tried = 0;
  const holds = async (bytes: Uint8Array): Promise<void> => {
    await converse(trial, bytes);
    if (bed.errors.length > 0) throw new Error(`the service told of ${bed.errors.splice(0).join(', ')}`);
    tried += 1;
    if (tried % every !== 0) return;
    const reply = await bed.ask({ method: 'PUT', path: bed.registerPath(id), body: '{}', tls: leaf.tls });
    if (reply.status !== 202) throw new Error(`a device was answered ${reply.status}`);
  };
  await fc.assert(fc.asyncProperty(changedSamples(door.samples), holds), { ...terms, endOnFailure: true });
}

/** Says all of it, ends its own side, and waits for the other to end. */
async function converse({ bed, leaf, door }: Trial, bytes: Uint8Array): Promise<void> {
  const socket = connect({
    ...{ host: bed.address, port: door.port, ca: bed.caPem, servername: serviceName },
    ...{ cert: leaf.tls.certificatePem, key: leaf.tls.privateKeyPem },
  });
  socket.on('error', () => undefined);
  socket.resume();
  const closed = once(socket, 'close');
  const late = new Promise<'late'>((resolve) => void systemClock.after(limitMs, () => resolve('late')));
  socket.once('secureConnect', () => socket.end(bytes));
  const outcome = await Promise.race([closed, late]);
  socket.destroy();
  if (outcome === 'late') throw new Error(`a connection did not end within ${limitMs} ms`);
}

function doorsOf(bed: RuleBed, authorization: string): readonly Door[] {
  const { ports, idScope } = bed.ready;
  return [
    { name: 'HTTPS', port: ports.https, samples: httpsSamples(bed, authorization) },
    { name: 'WebSocket', port: ports.https, samples: webSocketSamples(idScope) },
    { name: 'MQTT', port: ports.mqtts, samples: [mqttSample(idScope)] },
    { name: 'AMQP', port: ports.amqps, samples: amqpSamples(idScope) },
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
      call('PUT', bed.registerPath(id), { registrationId: id })
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
  const username = `${idScope}/registrations/${id}/api-version=2019-03-31&ClientVersion=soak`;
  const connectPacket = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 60 } as const;
  const topic = '$dps/registrations/PUT/iotdps-register/?$rid=1';
  const body = JSON.stringify({ registrationId: id, payload: { room: 4 } });
  const publish = { cmd: 'publish', qos: 1, dup: false, retain: false, messageId: 2 } as const;
  return Buffer.concat([
    generate({ ...connectPacket, clientId: id, username }),
    generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$dps/registrations/res/#', qos: 1 }] }),
    generate({ ...publish, topic, payload: body }),
    generate({ cmd: 'puback', messageId: 1 }),
    generate({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['$dps/registrations/res/#'] }),
    generate({ cmd: 'disconnect' }),
  ]);
}

function amqpSamples(idScope: string): readonly Uint8Array[] {
  const address = `${idScope}/registrations/${id}`;
  const body = Buffer.from(JSON.stringify({ registrationId: id }));
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
  const tpm = { mechanism: 'TPM', initial_response: Buffer.from(`\0${idScope}\0${id}\0${'k'.repeat(300)}`) };
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
