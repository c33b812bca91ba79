import { once, type EventEmitter } from 'node:events';
import { duplexPair, type Duplex } from 'node:stream';
import { generate, parser, type Packet } from 'mqtt-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/host.ts';
import { jsonLog } from '../../lib/base/log.ts';
import { failed, ok } from '../../lib/base/result.ts';
import { serviceFault } from '../core/faults.ts';
import type { RegistrationDesk } from '../core/registration-desk.ts';
import { createMqttDeviceWire, type DeviceWire } from './device-wire.ts';

const refused = failed(serviceFault('unauthorized', { reason: 'Unauthorized' }));
const away = failed(serviceFault('store-failed', { reason: 'the disk is full' }));
const idScope = '0ne00000001';
const wires: DeviceWire[] = [];

afterEach(async () => {
  for (const wire of wires.splice(0)) await wire.close();
});

/** A desk that lets in who is enrolled; everything else of it is not asked here. */
async function open(admit: (registrationId: string) => Awaited<ReturnType<RegistrationDesk['admit']>>) {
  const clock = manualClock();
  const judged: string[] = [];
  const registrations = {
    admit: async ({ registrationId }: { readonly registrationId: string }) => {
      judged.push(registrationId);
      return admit(registrationId);
    },
    // JSON cannot say it
    poll: async () => ok({ isDone: true, json: { number: 1n } }),
  } as unknown as RegistrationDesk;
  const lines: string[] = [];
  const log = jsonLog(
    (line) => lines.push(line),
    () => '',
  );
  const wire = await createMqttDeviceWire({ clock, random: systemRandom, log, registrations, retryAfterS: 3 });
  wires.push(wire);
  return { clock, wire, judged, lines };
}

async function connectTo(
  wire: DeviceWire,
  clientId: string,
  password = '',
): Promise<{ readonly code: number; readonly end: Duplex; readonly send: (packet: Packet) => void }> {
  const [near, far] = duplexPair();
  const reader = parser({ protocolVersion: 4 });
  near.on('data', (chunk: Buffer) => void reader.parse(chunk));
  const heard = once(reader as unknown as EventEmitter, 'packet');
  wire.accept(far, {
    certificates: password === '' ? [new Uint8Array(3)] : [],
    serverName: undefined,
    localAddress: '127.0.0.1',
    remoteAddress: '127.0.0.1',
  });
  const packet: Packet = {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 0,
    clientId,
    username: `${idScope}/registrations/${clientId}/api-version=2019-03-31`,
    password: Buffer.from(password),
  };
  near.write(generate(packet));
  const [connack] = (await heard) as [{ readonly returnCode: number }];
  return { code: connack.returnCode, end: far, send: (one) => void near.write(generate(one)) };
}

describe('a device that brings a certificate and asks nothing', () => {
  it('is judged when its time is over: a stranger goes, an enrolled one stays for ever', async () => {
    const { clock, wire, judged } = await open((id) => (id === 'enrolled' ? ok({ is: 'admitted' }) : refused));
    const enrolled = await connectTo(wire, 'enrolled');
    const stranger = await connectTo(wire, 'stranger');
    expect([enrolled.code, stranger.code, judged]).toEqual([0, 0, []]);
    const gone = once(stranger.end, 'close');
    await clock.advance(30_000);
    await gone;
    await clock.advance(86_400_000);
    expect([enrolled.end.destroyed, judged]).toEqual([false, ['enrolled', 'stranger']]);
  });

  it('is judged at once when its client id is connected already', async () => {
    const { wire, judged } = await open(() => refused);
    await connectTo(wire, 'taken');
    const second = await connectTo(wire, 'taken');
    expect([second.code, judged]).toEqual([5, ['taken']]);
  });
});

it('a service that cannot read its records says that it is away, and not that the device is wrong', async () => {
  const { wire } = await open(() => away);
  expect((await connectTo(wire, 'by-key', 'SharedAccessSignature sr=x&sig=y&se=1')).code).toBe(3);
  const broken = await open(() => {
    throw new TypeError('sig=y');
  });
  expect((await connectTo(broken.wire, 'by-key', 'SharedAccessSignature sr=x&sig=y&se=1')).code).toBe(3);
  // a bug's text may quote what the device said
  expect(broken.lines.join()).toContain('TypeError');
  expect(broken.lines.join()).not.toContain('sig=y');
});

it('an answer that breaks ends its own connection and no other', async () => {
  const { wire, lines } = await open(() => ok({ is: 'admitted' }));
  const password = 'SharedAccessSignature sr=x&sig=y&se=1';
  const [first, second] = [await connectTo(wire, 'first', password), await connectTo(wire, 'second', password)];
  const gone = once(first.end, 'close');
  first.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$dps/registrations/res/#', qos: 1 }] });
  const topic = '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=o';
  first.send({ cmd: 'publish', topic, payload: '', qos: 0, dup: false, retain: false });
  await gone;
  expect(second.end.destroyed).toBe(false);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ error: 'TypeError' }]);
});
