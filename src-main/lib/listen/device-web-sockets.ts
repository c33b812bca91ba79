/** Where devices knock with WebSockets, at the provisioning service as at a hub (dps-wire 0.3, rule 16). */
import type { Duplex } from 'node:stream';
import type { TlsPeer } from './tls-peer.ts';
import type { WebSocketDoor } from './web-socket-door.ts';

export type AcceptStream = (stream: Duplex, peer: TlsPeer) => void;

export interface DeviceProtocols {
  readonly maxMessageBytes: number;
  readonly mqtt?: AcceptStream;
  readonly amqp?: AcceptStream;
}

// Most SDKs; C#'s provisioning client; Java's, whose MQTT library puts this where the address names nothing.
const paths: ReadonlySet<string> = new Set(['/$iothub/websocket', '/', '/mqtt']);

export function deviceWebSockets(protocols: DeviceProtocols): WebSocketDoor {
  // C offers `MQTT`
  const accepts = new Map<string, AcceptStream>();
  if (protocols.mqtt !== undefined) accepts.set('mqtt', protocols.mqtt);
  if (protocols.amqp !== undefined) accepts.set('amqpwsb10', protocols.amqp);
  return {
    maxMessageBytes: protocols.maxMessageBytes,
    choose(request) {
      if (!paths.has(plainPath(request.path))) return undefined;
      for (const protocol of request.protocols) {
        const accept = accepts.get(protocol.toLowerCase());
        if (accept !== undefined) return { protocol, accept };
      }
      return undefined;
    },
  };
}

/** Rule 14 holds here too: upper case and a slash at the end are one path. */
function plainPath(path: string): string {
  const plain = path.toLowerCase().replaceAll('%24', '$');
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain;
}
