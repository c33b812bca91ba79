/**
 * One HTTPS call with every bound it needs. The fault tells whether the call was sent: `peer-offline` was not,
 * `call-ambiguous` was, so that the caller knows when to read back (design section 4, "Nothing is given up").
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import { fromUtf8 } from '../base/bytes.ts';
import type { CancelSignal } from '../base/cancel.ts';
import type { Clock } from '../base/clock.ts';
import { timeOf } from '../base/host.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { dpsFault } from './faults.ts';

export interface HttpsPeer {
  /** Who is called, as a person would say it: it goes into every fault. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** PEM; the system's roots when left out. */
  readonly caPem?: string;
  /** What the device proves itself with, in TLS. */
  readonly client?: TlsClientIdentity;
}

export type TlsClientIdentity =
  { readonly certificatePem: string; readonly privateKeyPem: string } | { readonly secureContext: SecureContext };

export interface HttpsCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Path with query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly signal?: CancelSignal | undefined;
}

export interface HttpsReply {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined when the body is empty; a fault was returned when it is no JSON. */
  readonly json: unknown;
}

/** What the peer's clock said, and ours when the reply came: for the clock gate. */
export interface ServerTime {
  readonly serverMs: number;
  readonly ourMs: number;
  readonly roundTripMs: number;
}

export interface HttpsCaller {
  call(call: HttpsCall): Promise<Result<HttpsReply>>;
  /** Closes idle connections; calls under way end as they end. */
  close(): void;
}

export interface HttpsCallerParts {
  readonly clock: Clock;
  readonly onServerTime?: ((time: ServerTime) => void) | undefined;
  /** Whole call, from connecting to the last byte. */
  readonly timeoutMs?: number | undefined;
}

// The SDKs give up on one request after 30 s (dps-wire 1.10).
const defaultTimeoutMs = 30_000;

// A page of 1,000 enrollments with certificates is below 4 MB; anything longer is not our peer.
const maxReplyBytes = 8 * 1024 * 1024;

// Enough for the calls of one station or the registrations a service works off at once; the rest waits its turn.
const maxSockets = 32;

export function createHttpsCaller(peer: HttpsPeer, parts: HttpsCallerParts): HttpsCaller {
  const agent = new Agent({
    keepAlive: true,
    maxSockets,
    maxFreeSockets: 4,
    secureContext: contextFor(peer),
  });
  const once = (call: HttpsCall): Promise<Outcome> => callOnce(agent, peer, parts, call);
  return {
    async call(call) {
      const first = await once(call);
      // A kept connection may have been closed under a request; a look can simply be taken again.
      const again = !first.result.ok && first.reusedSocket && call.method === 'GET';
      return (again && first.result.fault.code === 'call-ambiguous' ? await once(call) : first).result;
    },
    close: () => {
      agent.destroy();
    },
  };
}

/** Made once: to read a hundred roots takes longer than a call, and Node would put their text into each call's key. */
function contextFor({ caPem, client }: HttpsPeer): SecureContext {
  if (client !== undefined && 'secureContext' in client) return client.secureContext;
  return createSecureContext({
    ...(caPem === undefined ? {} : { ca: caPem }),
    ...(client === undefined ? {} : { cert: client.certificatePem, key: client.privateKeyPem }),
  });
}

interface Outcome {
  readonly result: Result<HttpsReply>;
  readonly reusedSocket: boolean;
}

function callOnce(agent: Agent, peer: HttpsPeer, parts: HttpsCallerParts, call: HttpsCall): Promise<Outcome> {
  const { clock } = parts;
  if (call.signal?.aborted === true) {
    return Promise.resolve({ result: failed(dpsFault('call-cancelled', { peer: peer.name })), reusedSocket: false });
  }
  return new Promise((resolve) => {
    const startMs = clock.monotonicMs();
    const body = call.json === undefined ? undefined : Buffer.from(JSON.stringify(call.json));
    const request = httpsRequest({
      agent,
      host: peer.host.replace(/^\[|\]$/g, ''),
      port: peer.port,
      method: call.method,
      path: call.path,
      headers: {
        accept: 'application/json',
        // RFC 9110 section 8.6: a length is sent even for an empty body of a method that expects one.
        ...(body === undefined ? { 'content-length': '0' } : jsonHeaders(body)),
        ...call.headers,
      },
    });
    let mayBeSent = false;
    let settled = false;
    const finish = (result: Result<HttpsReply>): void => {
      if (settled) return;
      settled = true;
      cancelTimer();
      call.signal?.removeEventListener('abort', onAbort);
      resolve({ result, reusedSocket: request.reusedSocket });
      // After a whole reply the connection is fit for the next call; otherwise nothing more is wanted of it.
      if (!result.ok) request.destroy();
    };
    const lose = (reason: string, code?: string): void => {
      finish(failed(lostFault(peer, { mayBeSent, reason, code })));
    };
    const onAbort = (): void => {
      finish(failed(dpsFault('call-cancelled', { peer: peer.name })));
    };
    const cancelTimer = clock.after(parts.timeoutMs ?? defaultTimeoutMs, () => {
      lose('no answer in time');
    });
    call.signal?.addEventListener('abort', onAbort);
    request.on('socket', (socket) => {
      // On a kept connection the request leaves at once, on a new one after the handshake.
      if (request.reusedSocket) mayBeSent = true;
      else socket.once('secureConnect', () => void (mayBeSent = true));
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      lose(error.message, error.code);
    });
    request.on('response', (response) => {
      void readReply(response, peer).then((result) => {
        reportServerTime(response, parts, startMs);
        finish(result);
      });
    });
    request.end(body);
  });
}

function jsonHeaders(body: Uint8Array): Record<string, string> {
  return { 'content-type': 'application/json; charset=utf-8', 'content-length': String(body.length) };
}

const untrustedCodes = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ALTNAME/;

function lostFault(
  peer: HttpsPeer,
  lost: { readonly mayBeSent: boolean; readonly reason: string; readonly code: string | undefined },
) {
  const detail = { peer: peer.name, reason: lost.reason };
  if (untrustedCodes.test(lost.code ?? '')) return dpsFault('peer-untrusted', detail);
  return dpsFault(lost.mayBeSent ? 'call-ambiguous' : 'peer-offline', detail);
}

function reportServerTime(response: IncomingMessage, parts: HttpsCallerParts, startMs: number): void {
  const serverMs = timeOf(response.headers.date ?? '');
  if (serverMs === undefined) return;
  const { clock } = parts;
  parts.onServerTime?.({ serverMs, ourMs: clock.nowMs(), roundTripMs: clock.monotonicMs() - startMs });
}

async function readReply(response: IncomingMessage, peer: HttpsPeer): Promise<Result<HttpsReply>> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxReplyBytes) return unreadable(peer, 'it is too long');
      parts.push(part);
    }
  } catch {
    return failed(dpsFault('call-ambiguous', { peer: peer.name, reason: 'the reply broke off' }));
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const status = response.statusCode ?? 0;
  if (length === 0) return ok({ status, headers, json: undefined });
  const json = jsonOf(fromUtf8(Buffer.concat(parts)));
  // An error page of something in between still carries a status worth acting on.
  if (json === undefined && status < 400) return unreadable(peer, 'it is no JSON');
  return ok({ status, headers, json });
}

function unreadable(peer: HttpsPeer, reason: string): Result<never> {
  return failed(dpsFault('reply-unreadable', { peer: peer.name, reason }));
}

function jsonOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
