/** MQTT without a client library: packets out, packets in, in the order in which they came. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { generate, parser, type Packet } from 'mqtt-packet';
import { createWebSocketStream, WebSocket } from 'ws';

export interface BareTarget {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly tls?: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** Within a WebSocket on this path. */
  readonly webSocket?: { readonly path: string; readonly protocol: string };
  readonly more?: Pick<ConnectionOptions, 'maxVersion' | 'session' | 'minVersion'>;
}

export interface BareMqtt {
  readonly stream: Duplex;
  /** Below a WebSocket there is one too. */
  readonly socket: TLSSocket | undefined;
  send(...packets: readonly Packet[]): void;
  sendBytes(bytes: Uint8Array | string): void;
  /** The next packet, whatever it is; fails when the connection ends before one comes. */
  next(): Promise<Packet>;
  /** Resolves when the other side has ended the connection; gives what came before. */
  ended(): Promise<readonly Packet[]>;
  close(): void;
}

const waitMs = 30_000;

export async function dialMqtt(target: BareTarget): Promise<BareMqtt> {
  const { stream, socket } = await dial(target);
  const arrived: Packet[] = [];
  const reader = parser({ protocolVersion: 4 });
  let wake = (): void => undefined;
  let over = false;
  const end = (): void => {
    over = true;
    wake();
  };
  reader.on('packet', (packet) => {
    arrived.push(packet);
    wake();
  });
  reader.on('error', () => stream.destroy());
  stream.on('data', (chunk: Buffer) => void reader.parse(chunk));
  stream.on('error', () => undefined);
  stream.on('end', () => stream.destroy());
  stream.once('close', end);
  const change = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`nothing came within ${waitMs} ms`));
      }, waitMs);
      wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  return {
    stream,
    socket,
    send(...packets) {
      stream.write(Buffer.concat(packets.map((packet) => generate(packet))));
    },
    sendBytes(bytes) {
      stream.write(bytes);
    },
    async next() {
      while (arrived.length === 0) {
        if (over) throw new Error('the other side has ended the connection');
        await change();
      }
      return arrived.shift()!;
    },
    async ended() {
      while (!over) await change();
      return arrived.splice(0);
    },
    close() {
      stream.destroy();
    },
  };
}

async function dial(target: BareTarget): Promise<{ stream: Duplex; socket: TLSSocket | undefined }> {
  const { host, port, ca, tls, webSocket, more } = target;
  const proof = tls === undefined ? {} : { cert: tls.certificatePem, key: tls.privateKeyPem };
  if (webSocket === undefined) {
    const socket = connect({ host, port, ca, ...proof, ...more });
    await once(socket, 'secureConnect');
    return { stream: socket, socket };
  }
  const url = `wss://${host}:${port}${webSocket.path}`;
  const client = new WebSocket(url, webSocket.protocol, { ca, ...proof, ...more });
  await once(client, 'open');
  return { stream: createWebSocketStream(client), socket: undefined };
}
