/** A hub's doors: its registry over HTTPS, its devices over MQTT, AMQP and WebSockets, each on the hub's own address. */
import { isIPv4 } from 'node:net';
import type { Log } from '../lib/base/log.ts';
import { ok, type Result } from '../lib/base/result.ts';
import { deviceWebSockets, type AcceptStream } from '../lib/listen/device-web-sockets.ts';
import { listenHttps, type WebRefusal } from '../lib/listen/https-server.ts';
import type { TlsPeer } from '../lib/listen/tls-peer.ts';
import { listenTls, type Listener } from '../lib/listen/tls-server.ts';
import type { TlsAuthority, TlsKeyKind } from '../lib/x509/tls-authority.ts';
import { maxAmqpFrameBytes } from './amqp-protocol.ts';
import { maxPacketBytes } from './device-protocol.ts';
import type { Hub } from './hub.ts';
import type { HubPlace, HubPorts } from './options.ts';
import { refusalReply } from './web-answer.ts';

export interface DoorParts {
  readonly place: HubPlace;
  /** What all hubs of this program are called, where there are several: a client may name any wherever it comes in. */
  readonly hostNames?: readonly string[];
  readonly ports: HubPorts;
  readonly authority: TlsAuthority;
  /** RSA when left out. */
  readonly tlsKey?: TlsKeyKind;
  readonly log: Log;
  /** The hub that was meant: by TLS server name where there is one, else this address's own. */
  readonly hubFor: (peer: TlsPeer) => Hub;
}

// A hundred devices of a bulk call with their first twins of 40 kB at the most.
const maxBodyBytes = 4 * 1_048_576;

export async function openDoors(parts: DoorParts): Promise<Result<readonly Listener[]>> {
  const { place, ports, log } = parts;
  const credential = await parts.authority.serverCredential({
    slug: `hub-${place.number}`,
    commonName: place.hostName,
    dnsNames: (parts.hostNames ?? [place.hostName]).filter((name) => !isIPv4(name)),
    ipAddresses: [place.address],
    key: parts.tlsKey ?? 'rsa',
  });
  if (!credential.ok) return credential;
  const acceptMqtt: AcceptStream = (stream, peer) => {
    const hub = parts.hubFor(peer);
    if (hub.faults.endsConnection()) stream.destroy();
    else hub.devices.handle(stream, { certificate: peer.certificates[0], source: peer.remoteAddress });
  };
  const acceptAmqp: AcceptStream = (stream, peer) => {
    parts.hubFor(peer).amqp.accept(stream, peer);
  };
  const https = await listenHttps({
    host: place.address,
    port: ports.https,
    credential: credential.value,
    maxBodyBytes,
    log,
    answer: (request) => parts.hubFor(request.peer).answer(request),
    refuse: (refusal) => refusalReply(refusalCodes[refusal], maxBodyBytes),
    // a message may hold several packets: the last of one request and the first of the next
    webSocket: deviceWebSockets({
      maxMessageBytes: 2 * Math.max(maxPacketBytes, maxAmqpFrameBytes),
      mqtt: acceptMqtt,
      amqp: acceptAmqp,
    }),
  });
  if (!https.ok) return https;
  const opened = [https.value];
  const wires = [
    [ports.mqtts, acceptMqtt],
    [ports.amqps, acceptAmqp],
  ] as const;
  for (const [port, accept] of wires) {
    const listener = await listenTls({ host: place.address, port, credential: credential.value, accept });
    if (!listener.ok) {
      await Promise.all(opened.map((door) => door.close()));
      return listener;
    }
    opened.push(listener.value);
  }
  return ok(opened);
}

const refusalCodes = {
  'body-too-large': 'MessageTooLarge',
  malformed: 'ArgumentInvalid',
  internal: 'ServerError',
} as const satisfies Record<WebRefusal, string>;
