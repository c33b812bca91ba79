/** The owner of ws: takes upgrades of an HTTPS listener over, each as a byte stream; plain requests never come here. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { TlsPeer } from './tls-peer.ts';
import { webSocketStream } from './web-socket-stream.ts';

export interface WebSocketRequest {
  /** As on the wire, without the query. */
  readonly path: string;
  /** The subprotocols that the client offers, in its order. */
  readonly protocols: readonly string[];
  readonly peer: TlsPeer;
}

export interface WebSocketChoice {
  /** One of those offered, in the client's spelling: some compare it byte by byte. */
  readonly protocol: string;
  /** Takes over the stream, its errors included. */
  accept(stream: Duplex, peer: TlsPeer): void;
}

export interface WebSocketDoor {
  /** The largest message; it is collected before it is passed on. */
  readonly maxMessageBytes: number;
  /** Undefined answers 404: there is no such door here. */
  choose(request: WebSocketRequest): WebSocketChoice | undefined;
}

export interface OpenWebSockets {
  close(): void;
}

/** ws has these, and its types do not know them. */
const bounds = {
  // A peer that has been told the end answers at once or not at all.
  closeTimeout: 5_000,
  // A message comes in as many pieces as TLS records: the largest in records of a slow line's 200 bytes, with room.
  maxFragments: 4_096,
  maxBufferedChunks: 4_096,
  // Each waits for a peer to read it; one that asks and reads nothing must not grow a queue.
  maxPendingAutoPongs: 16,
};

/** Whether a request asks for a WebSocket; any other upgrade that is offered may be passed over (RFC 9110 7.8). */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

export function openWebSocketDoor(
  server: Server,
  door: WebSocketDoor,
  peerOf: (request: IncomingMessage) => TlsPeer | undefined,
): OpenWebSockets {
  const open = new Set<WebSocket>();
  // No pings of ours: SDKs count what comes unasked as a broken server. Compression would cost memory a connection.
  const upgrader = new WebSocketServer({
    ...bounds,
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: door.maxMessageBytes,
    handleProtocols: (_offered, request) => chosen.get(request)?.protocol ?? false,
  });
  const chosen = new WeakMap<IncomingMessage, WebSocketChoice>();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // a reset is an end like any other
    socket.on('error', () => undefined);
    const peer = peerOf(request);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    const version = request.headers['sec-websocket-version'];
    if (version !== '13') {
      refuse(socket, version === undefined ? '400 Bad Request' : '426 Upgrade Required');
      return;
    }
    const choice = door.choose({ path: pathOf(request), protocols: offeredBy(request), peer });
    if (choice === undefined) {
      refuse(socket, '404 Not Found');
      return;
    }
    chosen.set(request, choice);
    upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      open.add(webSocket);
      webSocket.once('close', () => void open.delete(webSocket));
      const stream = webSocketStream(webSocket);
      stream.on('error', () => undefined);
      choice.accept(stream, peer);
    });
  });
  return {
    close() {
      for (const webSocket of open) webSocket.terminate();
    },
  };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

function offeredBy(request: IncomingMessage): readonly string[] {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** RFC 6455 4.2.2: a version that is not ours is answered with ours. */
function refuse(socket: Duplex, status: string): void {
  const head = [`HTTP/1.1 ${status}`, 'connection: close', 'content-length: 0', 'sec-websocket-version: 13'];
  socket.end(`${head.join('\r\n')}\r\n\r\n`, () => socket.destroy());
}
