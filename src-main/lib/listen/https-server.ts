/** The HTTPS listener: fastify for the protocol and its bounds, one handler for everything that is asked. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { fastify, type FastifyReply, type FastifyRequest } from 'fastify';
import { nameOf } from '../base/background.ts';
import type { Log } from '../base/log.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { faultOfListen } from './faults.ts';
import { tlsPeerOf, type TlsPeer } from './tls-peer.ts';
import {
  maxTlsConnections,
  portOf,
  tlsServerOptions,
  type ListenAddress,
  type Listener,
  type ServerCredential,
  waitingConnections,
  watchConnections,
} from './tls-server.ts';
import { asksForWebSocket, openWebSocketDoor, type WebSocketDoor } from './web-socket-door.ts';

export interface WebRequest {
  readonly method: string;
  /** As on the wire: percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By its lower-case name. */
  header(name: string): string | undefined;
  /** All of them, in the order and the spelling of the wire. */
  headers(): readonly (readonly [name: string, value: string])[];
  /** Empty when there was none; a body with GET is passed over (dps-wire 11, rule 17). */
  readonly body: Uint8Array;
  readonly peer: TlsPeer;
}

export interface WebReply {
  readonly status: number;
  /** Lower case: some clients compare names byte by byte (dps-wire 1.6). */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** Ends the connection instead of an answer. */
export type HangUp = 'hang-up';

/** What the listener refuses by itself, so that the program can say it in its API's own words. */
export type WebRefusal = 'body-too-large' | 'malformed' | 'internal';

export interface HttpsServerOptions extends ListenAddress {
  readonly credential: ServerCredential;
  readonly maxBodyBytes: number;
  readonly log: Log;
  answer(request: WebRequest): WebReply | HangUp | Promise<WebReply | HangUp>;
  refuse(refusal: WebRefusal): WebReply;
  /** Without one, a request that offers to upgrade is answered like any other. */
  readonly webSocket?: WebSocketDoor;
  readonly waits?: Partial<HttpsWaits>;
}

/** How long a peer may take; the usual ones when left out. */
export interface HttpsWaits {
  readonly handshakeMs: number;
  /** From a request's first byte to its last. */
  readonly requestMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
}

const usualWaits = {
  // A device on a slow line still sends its 2 kB within this; nobody may hold a connection with half a request.
  requestMs: 60_000,
  // Polling devices come back every few seconds; keeping the connection spares them a handshake.
  keepAliveMs: 30_000,
};
// Node looks for requests that take too long this often.
const lookEveryMs = 5_000;

export async function listenHttps(options: HttpsServerOptions): Promise<Result<Listener>> {
  const { handshakeMs, requestMs, keepAliveMs } = { ...usualWaits, ...options.waits };
  const app = fastify({
    https: {
      ...tlsServerOptions(options.credential, handshakeMs),
      maxHeaderSize: 16_384,
      headersTimeout: requestMs,
      connectionsCheckingInterval: Math.min(lookEveryMs, requestMs),
      shouldUpgradeCallback: (request: IncomingMessage) => options.webSocket !== undefined && asksForWebSocket(request),
    },
    bodyLimit: options.maxBodyBytes,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: true,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    // An address that is not well encoded never reaches a handler.
    frameworkErrors: (_error: Error, _request: FastifyRequest, reply: FastifyReply) => {
      send(reply, options.refuse('malformed'));
    },
    clientErrorHandler: (_error: Error, socket: Socket) => {
      // No request could be read: there is nobody to answer.
      socket.destroy();
    },
  });
  app.server.maxConnections = maxTlsConnections;
  const connections = watchConnections(app.server);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  const peers = new WeakMap<Socket, TlsPeer>();
  const { webSocket } = options;
  const webSockets = webSocket && openWebSocketDoor(app.server, webSocket, (request) => peerOf(request.socket, peers));
  app.setNotFoundHandler(async (request, reply) => {
    const peer = peerOf(request.raw.socket, peers);
    send(reply, peer === undefined ? 'hang-up' : await options.answer(webRequestOf(request, peer)));
    return reply;
  });
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, _request, reply) => {
    const refusal = refusalOf(error.statusCode);
    if (refusal === 'internal') options.log.error('request-failed', { error: nameOf(error) });
    send(reply, options.refuse(refusal));
  });
  try {
    await app.listen({ host: options.host, port: options.port, backlog: waitingConnections });
  } catch (error) {
    await app.close();
    return failed(faultOfListen(error instanceof Error ? error : new Error('unknown'), options));
  }
  return ok({
    port: portOf(app.server.address()),
    async close() {
      const closed = app.close();
      // those are no requests any more: fastify does not end them
      webSockets?.close();
      connections.end();
      await closed;
    },
  });
}

function refusalOf(status: number | undefined): WebRefusal {
  if (status === 413) return 'body-too-large';
  return status !== undefined && status < 500 ? 'malformed' : 'internal';
}

function webRequestOf(request: FastifyRequest, peer: TlsPeer): WebRequest {
  const { raw } = request;
  const [path = '/', query = ''] = (raw.url ?? '/').split('?', 2);
  return {
    method: raw.method ?? '',
    path,
    query: new URLSearchParams(query),
    header(name) {
      const value = raw.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    headers: () => pairsOf(raw.rawHeaders),
    body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
    peer,
  };
}

function pairsOf(flat: readonly string[]): readonly (readonly [string, string])[] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as const] : []));
}

/** Read once a connection: the certificates of a connection do not change. */
function peerOf(socket: Socket, peers: WeakMap<Socket, TlsPeer>): TlsPeer | undefined {
  const known = peers.get(socket);
  if (known !== undefined) return known;
  if (!(socket instanceof TLSSocket)) throw new Error('the HTTPS listener speaks TLS alone');
  const peer = tlsPeerOf(socket);
  if (peer !== undefined) peers.set(socket, peer);
  return peer;
}

function send(reply: FastifyReply, answer: WebReply | HangUp): void {
  reply.hijack();
  const { raw } = reply;
  if (answer === 'hang-up') {
    raw.destroy();
    return;
  }
  raw.writeHead(answer.status, { ...answer.headers, 'content-length': String(Buffer.byteLength(answer.body)) });
  raw.end(answer.body);
}
