/** The service's doors on its address, one a port; what comes in by each goes to its wire, and every wire to one desk. */
import type { Fault } from '../lib/base/fault.ts';
import type { Log } from '../lib/base/log.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { deviceWebSockets } from '../lib/listen/device-web-sockets.ts';
import { listenHttps } from '../lib/listen/https-server.ts';
import { listenTls, type Listener, type ServerCredential } from '../lib/listen/tls-server.ts';
import { createAmqpDeviceWire, maxFrameBytes } from './amqp/device-wire.ts';
import type { ErrorParts } from './core/error-body.ts';
import type { RegistrationDesk } from './core/registration-desk.ts';
import { maxHttpBodyBytes, type HttpFront } from './http/front.ts';
import { createMqttDeviceWire, maxPacketBytes } from './mqtt/device-wire.ts';
import type { ServiceOptions, ServicePorts } from './options.ts';

export interface DoorParts extends ErrorParts {
  readonly options: ServiceOptions;
  readonly credential: ServerCredential;
  readonly front: HttpFront;
  readonly registrations: RegistrationDesk;
  readonly log: Log;
}

export interface OpenDoors {
  /** Those that were bound. */
  readonly ports: ServicePorts;
  close(): Promise<void>;
}

export async function openDoors(parts: DoorParts): Promise<Result<OpenDoors>> {
  const { options, credential, front, log } = parts;
  const { listen: host, ports, retryAfterS } = options;
  const mqtt = await createMqttDeviceWire({ ...parts, retryAfterS });
  const amqp = createAmqpDeviceWire({ ...parts, retryAfterS });
  const opened: Listener[] = [];
  const close = async (): Promise<void> => {
    // first, while its connections are there: AMQP says that it goes
    await amqp.close();
    await Promise.all(opened.map((listener) => listener.close()));
    await mqtt.close();
  };
  const abandoned = async (fault: Fault): Promise<Result<never>> => {
    await close();
    return failed(fault);
  };
  const https = await listenHttps({
    host,
    port: ports.https,
    credential,
    maxBodyBytes: maxHttpBodyBytes,
    log,
    answer: (request) => front.answer(request),
    refuse: (refusal) => front.refuse(refusal),
    // a message may hold several packets: the last of one request and the first of the next
    webSocket: deviceWebSockets({
      maxMessageBytes: 2 * Math.max(maxPacketBytes, maxFrameBytes),
      mqtt: mqtt.accept,
      amqp: amqp.accept,
    }),
  });
  if (!https.ok) return abandoned(https.fault);
  opened.push(https.value);
  const mqtts = await listenTls({ host, port: ports.mqtts, credential, accept: mqtt.accept });
  if (!mqtts.ok) return abandoned(mqtts.fault);
  opened.push(mqtts.value);
  const amqps = await listenTls({ host, port: ports.amqps, credential, accept: amqp.accept });
  if (!amqps.ok) return abandoned(amqps.fault);
  opened.push(amqps.value);
  return ok({ ports: { https: https.value.port, mqtts: mqtts.value.port, amqps: amqps.value.port }, close });
}
