/** A TLS server of a test that answers by script: every way in which a peer can be well or unwell. */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createAuthority, createServerCertificate } from '../../src-main/lib/x509/authority.ts';
import { privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';

export interface PeerRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** How many connections there were up to this one. */
  readonly connection: number;
}

export type Script = (request: PeerRequest, response: ServerResponse) => void;

export interface ScriptedPeer {
  readonly port: number;
  readonly caPem: string;
  readonly requests: readonly PeerRequest[];
  answer(script: Script): void;
  close(): Promise<void>;
}

const parts = { clock: systemClock, random: systemRandom };

export async function openPeer(): Promise<ScriptedPeer> {
  const plan = { algorithm: 'p256', validityDays: 2 } as const;
  const issuer = must(await createAuthority({ ...plan, commonName: 'Peer CA', pathLength: 0 }, parts));
  const names = { commonName: 'peer', dnsNames: [], ipAddresses: ['127.0.0.1'] };
  const credential = must(await createServerCertificate({ ...plan, ...names }, issuer, parts));
  const requests: PeerRequest[] = [];
  let script: Script = (_request, response) => response.destroy();
  let connections = 0;
  const connectionOf = new WeakMap<object, number>();
  const server: Server = createServer(
    { cert: certificatesToPem(credential.chain), key: privateKeyToPem(credential.privateKey) },
    (incoming, response) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('end', () => {
        const { method = '', url = '', headers, socket } = incoming;
        const request = { method, url, headers, body, connection: connectionOf.get(socket) ?? 0 };
        requests.push(request);
        script(request, response);
      });
    },
  );
  server.on('secureConnection', (socket) => {
    connections += 1;
    connectionOf.set(socket, connections);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    caPem: certificatesToPem([issuer.certificate]),
    requests,
    answer: (next) => void (script = next),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Script {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** One after the other; the last one from then on. */
export function inTurn(...scripts: readonly Script[]): Script {
  let at = 0;
  return (request, response) => {
    const script = scripts[Math.min(at, scripts.length - 1)];
    at += 1;
    script?.(request, response);
  };
}
