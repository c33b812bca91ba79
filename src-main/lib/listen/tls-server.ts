/**
 * A TLS listener for devices: it asks for a client certificate, takes none or any, and leaves the judgement to its
 * program (dps-wire 5.1). Possession of the key is still proven by the handshake itself.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { ok, failed, type Result } from '../base/result.ts';
import { faultOfListen } from './faults.ts';
import { connectionsOfProcess, connectionsWithin, openFileLimit } from './open-files.ts';
import { tlsPeerOf, type TlsPeer } from './tls-peer.ts';

/** What a listener shows: its certificate with its issuer's, and its key. */
export interface ServerCredential {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface ListenAddress {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface Listener {
  /** The one that was bound. */
  readonly port: number;
  /** Ends what is open; resolves when the port is free again. */
  close(): Promise<void>;
}

// Small devices need seconds for RSA; nobody may hold a half-open connection for longer.
const usualHandshakeMs = 30_000;

/** Per listener; WebSockets count on the listener that they came in by. */
export const maxTlsConnections = connectionsWithin(openFileLimit());

// Of all listeners together: the files are the process's, and so is their count.
const ofProcess = { most: connectionsOfProcess(openFileLimit()), open: 0 };

// Devices of a hall that boot at once knock at once; the system cuts it to its own limit (net.core.somaxconn).
export const waitingConnections = 4_096;

export function tlsServerOptions(credential: ServerCredential, handshakeMs = usualHandshakeMs): TlsOptions {
  return {
    cert: credential.certificatePem,
    key: credential.privateKeyPem,
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeMs,
    // Answers are small and come in pairs (a PUBACK, then what was asked): held back for the other side's ACK, each
    // exchange would take 40 ms more.
    noDelay: true,
    // No session resumption: a resumed session shows the leaf alone, and a device of a group could not prove itself
    // again. Without tickets TLS 1.3 falls back to a session cache, and Node keeps none unless it is told how.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

export interface TlsListenerOptions extends ListenAddress {
  readonly credential: ServerCredential;
  /** How long a handshake may take; 30 s when left out. */
  readonly handshakeMs?: number;
  /** Takes over the connection, its errors included. */
  accept(socket: TLSSocket, peer: TlsPeer): void;
}

export async function listenTls(options: TlsListenerOptions): Promise<Result<Listener>> {
  const server = createServer(tlsServerOptions(options.credential, options.handshakeMs), (socket) => {
    // A reset is an end like any other; whoever accepted it hears of the close.
    socket.on('error', () => undefined);
    const peer = tlsPeerOf(socket);
    if (peer === undefined) socket.destroy();
    else options.accept(socket, peer);
  });
  const connections = watchConnections(server);
  // Node tells of a handshake that failed or took too long, and leaves the connection open.
  server.on('tlsClientError', (_error, socket) => {
    socket.destroy();
  });
  server.maxConnections = maxTlsConnections;
  return new Promise((resolve) => {
    const refuse = (error: Error): void => {
      resolve(failed(faultOfListen(error, options)));
    };
    server.once('error', refuse);
    server.listen({ host: options.host, port: options.port, backlog: waitingConnections }, () => {
      server.off('error', refuse);
      // After this, an error is one failed accept (no file handles left): the listener goes on.
      server.on('error', () => undefined);
      resolve(
        ok({
          port: portOf(server.address()),
          close: () =>
            new Promise((done) => {
              server.close(() => done());
              connections.end();
            }),
        }),
      );
    });
  });
}

/** What a server that closes has to end by itself: those too that have not shaken hands, or not asked anything, yet. */
export function watchConnections(server: Server): { end(): void } {
  const open = new Set<Socket>();
  let isEnding = false;
  server.on('connection', (socket: Socket) => {
    if (isEnding || ofProcess.open >= ofProcess.most) socket.destroy();
    open.add(socket);
    ofProcess.open += 1;
    socket.once('close', () => {
      open.delete(socket);
      ofProcess.open -= 1;
    });
  });
  return {
    end() {
      isEnding = true;
      for (const socket of open) socket.destroy();
    },
  };
}

export function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port');
  return address.port;
}
