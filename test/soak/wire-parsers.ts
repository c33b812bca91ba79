/** What reads the provisioning service's MQTT and AMQP wires. */
import { utf8 } from '../../src-main/lib/base/bytes.ts';
import { createAmqpCutter } from '../../src-main/lib/listen/amqp-cutter.ts';
import { createAmqpGuard } from '../../src-main/lib/listen/amqp-guard.ts';
import { messageIds } from '../../src-main/lib/listen/amqp-message-ids.ts';
import { readSaslFrame } from '../../src-main/lib/listen/amqp-sasl-frame.ts';
import { parseDeviceAddress } from '../../src-main/service/amqp/device-address.ts';
import { parseTpmInit, payloadOf, tpmSegments } from '../../src-main/service/amqp/tpm-segments.ts';
import { registrationIn } from '../../src-main/service/core/registration-body.ts';
import { parseRequestTopic } from '../../src-main/service/mqtt/topics.ts';
import { parseUserName } from '../../src-main/service/mqtt/user-name.ts';
import { attach, begin, credit, frames, messages, open, saslFrame, transfer } from '../exams/amqp-raw.ts';
import type { Parser } from './inputs.ts';

const inputs = 200_000;
const text = (read: (text: string) => unknown) => (bytes: Uint8Array) => read(Buffer.from(bytes).toString('utf8'));

export function wireParsers(): readonly Parser[] {
  const address = '0ne00ABCDEF/registrations/dev-01';
  const topics = [
    '$dps/registrations/PUT/iotdps-register/?$rid=7',
    '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=8&operationId=5.01.02',
  ];
  const message = messages.encode({
    correlation_id: 'g-1',
    application_properties: { 'iotdps-operation-type': 'iotdps-register', 'iotdps-forceRegistration': false },
    body: messages.data_section(Buffer.from('{"registrationId":"dev-01"}')),
  });
  const sasl = [
    saslFrame(frames.sasl_init({ mechanism: 'PLAIN', initial_response: Buffer.from(`\0${address}\0token`) })),
    saslFrame(frames.sasl_response({ response: Buffer.alloc(285) })),
  ];
  const link = { name: 'l', address };
  const performatives = [
    open({ hostname: 'h', max_frame_size: 65_536, idle_time_out: 60_000 }),
    begin(),
    attach({ ...link, handle: 0, sends: false }),
    attach({ ...link, handle: 1, sends: true, more: { properties: { 'com.microsoft:api-version': '2019-03-31' } } }),
    credit(0, 100),
    transfer(1, 0, message),
  ];
  return [
    {
      name: 'MQTT user name of a device',
      inputs,
      samples: [`${address}/api-version=2019-03-31&ClientVersion=a%2Fb`, `${address}/api-version=2021-06-01`].map(utf8),
      read: text(parseUserName),
    },
    { name: 'MQTT topic of a device', inputs, samples: topics.map(utf8), read: text(parseRequestTopic) },
    {
      name: 'MQTT registration body',
      inputs,
      samples: ['{"registrationId":"dev-01","payload":null}', ' ', 'null'].map(utf8),
      read: registrationIn,
    },
    {
      name: 'AMQP address',
      inputs,
      samples: [address, `/${address}`, `amqps://host:5671/${address}`].map(utf8),
      read: text(parseDeviceAddress),
    },
    {
      name: 'SASL TPM bytes',
      inputs,
      samples: [Buffer.concat([utf8('\x000ne00ABCDEF\0dev-01\0'), Buffer.alloc(316, 7)])],
      read: (bytes) => [parseTpmInit(bytes), payloadOf(bytes), tpmSegments(bytes)],
    },
    { name: 'SASL frame', inputs, samples: sasl, read: (bytes) => readSaslFrame(Buffer.from(bytes)) },
    { name: 'AMQP message', inputs, samples: [message], read: (bytes) => messageIds(Buffer.from(bytes)) },
    { name: 'AMQP frames', inputs: inputs / 4, samples: [Buffer.concat(performatives)], read: readFrames },
  ];
}

// As the engine sees it while one link is there to send on.
const engine = {
  isBegun: () => false,
  isAttached: () => false,
  receiver: (_channel: number, handle: number) => (handle === 1 ? { credit: 10 } : undefined),
};

/** Cut as they come, then each shown to the guard, up to the first refusal. */
function readFrames(bytes: Uint8Array): unknown {
  const cutter = createAmqpCutter();
  const guard = createAmqpGuard({ maxMessageBytes: 131_072, maxSessions: 4, maxLinks: 8 }, engine);
  cutter.push(Buffer.from(bytes));
  const seen: unknown[] = [];
  for (;;) {
    const cut = cutter.frame(65_536);
    if (cut.is !== 'bytes') return [...seen, cut];
    const refusal = guard.refuses(cut.bytes);
    seen.push(refusal);
    if (refusal !== undefined) return seen;
  }
}
