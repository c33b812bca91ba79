/** A ByteStream over TCP: serial device servers, emulators, systems without pseudo-terminals. */
import { connect, createServer, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { serialFault } from './faults.ts';
import { byteStreamOf } from './node-ends.ts';

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

/** A device server in the same hall answers at once; a powered-off one never does. */
const connectTimeoutMs = 10_000;
/** A device talks to one station; further connections are queued by nobody. */
const maxConnections = 4;

export function openTcpStream(address: TcpAddress, clock: Clock): Promise<Result<ByteStream>> {
  return new Promise((resolve) => {
    const socket = connect(address.port, address.host);
    const fail = (): void => {
      cancel();
      socket.destroy();
      resolve(failed(serialFault('tcp-failed', { host: address.host, port: address.port })));
    };
    const cancel = clock.after(connectTimeoutMs, fail);
    socket.once('error', fail);
    socket.once('connect', () => {
      cancel();
      socket.off('error', fail);
      resolve(ok(streamOfSocket(socket, clock)));
    });
  });
}

function streamOfSocket(socket: Socket, clock: Clock): ByteStream {
  // Packets are small and answered one by one: waiting to fill a segment would double each round trip.
  socket.setNoDelay(true);
  return byteStreamOf(
    {
      readable: socket,
      writable: socket,
      release: () =>
        new Promise((resolve) => {
          if (socket.destroyed) {
            resolve();
            return;
          }
          socket.once('close', () => {
            resolve();
          });
          socket.destroy();
        }),
      lost: () => serialFault('tcp-lost'),
    },
    clock,
  );
}

export interface TcpListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Hands on every connection as a stream; port 0 takes a free one. Throws when the address cannot be listened on. */
export async function listenTcpStreams(
  address: TcpAddress,
  clock: Clock,
  onStream: (stream: ByteStream) => void,
): Promise<TcpListener> {
  const open = new Set<ByteStream>();
  const server = createServer((socket) => {
    const stream = streamOfSocket(socket, clock);
    open.add(stream);
    stream.onClose(() => open.delete(stream));
    onStream(stream);
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.all([...open].map((stream) => stream.close()));
      await closed;
    },
  };
}
