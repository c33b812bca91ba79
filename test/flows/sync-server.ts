/** A provisioning service in a test's hands: real TLS and HTTP, real rules, and faults where the test wants them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { loadOrCreateTlsAuthority } from '../../src-main/lib/x509/tls-authority.ts';

export type Json = Record<string, unknown>;

export interface Seen {
  readonly method: string;
  readonly path: string;
  /** Registration ids of a bulk. */
  readonly keys: readonly string[];
  readonly atMs: number;
}

/** What happens to a call: refused with a status, cut before it is worked on, or after; or `hang`. */
export type Trouble =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly message?: string }
  | 'cut-before'
  | 'cut-after'
  | 'hang';

interface Reply {
  readonly status: number;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const key = Buffer.alloc(32, 7).toString('base64');

export async function startSyncServer(folder: string) {
  const authority = must(await loadOrCreateTlsAuthority(folder, { clock: systemClock, random: systemRandom }));
  const names = { slug: 'sync', commonName: 'sync', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
  const { certificatePem, privateKeyPem } = must(await authority.serverCredential(names));
  const state = {
    enrollments: new Map<string, Json>(),
    groups: new Map<string, Json>(),
    registrations: new Map<string, Json>(),
    devices: new Map<string, Json>(),
    seen: [] as Seen[],
    /** How often each enrollment was created: more than once is what must never be. */
    created: new Map<string, number>(),
    /** Asked before each call, and before each item of a bulk with its registration id. */
    trouble: (() => undefined) as (seen: Seen) => Trouble | undefined,
    itemTrouble: (() => undefined) as (registrationId: string) => number | undefined,
    dateOffsetMs: 0,
  };
  const sockets = new Set<Socket>();
  const server = createServer({ cert: certificatePem, key: privateKeyPem }, (request, response) => {
    void answer(request, response);
  });
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? {} : (JSON.parse(text) as Json);
    const path = decodeURIComponent((request.url ?? '').replace(/\?.*$/, ''));
    const items = (body['enrollments'] ?? []) as Json[];
    const keys = items.map((item) => String(item['registrationId']));
    const seen = { method: request.method ?? '', path, keys, atMs: systemClock.monotonicMs() };
    state.seen.push(seen);
    const trouble = state.trouble(seen);
    if (trouble === 'hang') return;
    if (trouble === 'cut-before') {
      request.socket.destroy();
      return;
    }
    const isRefused = typeof trouble === 'object';
    const reply: Reply = isRefused
      ? { ...trouble, json: { errorCode: trouble.status * 1_000, message: trouble.message ?? 'no', trackingId: 't' } }
      : work(seen, body, items);
    if (trouble === 'cut-after') {
      request.socket.destroy();
      return;
    }
    // eslint-disable-next-line no-restricted-globals -- formats a time that came from the clock, as HTTP writes it
    response.setHeader('date', new Date(systemClock.nowMs() + state.dateOffsetMs).toUTCString());
    response.writeHead(reply.status, { 'content-type': 'application/json; charset=utf-8', ...reply.headers });
    response.end(reply.json === undefined ? '' : JSON.stringify(reply.json));
  }

  function work({ method, path }: Seen, body: Json, items: readonly Json[]): Reply {
    const [, kind = '', id = ''] = path.split('/');
    const found = { enrollments: state.enrollments, enrollmentGroups: state.groups, ...others() }[kind];
    if (method === 'POST' && path.endsWith('/query')) return { status: 200, json: [] };
    if (method === 'POST') return { status: 200, json: bulk(items) };
    if (method === 'PUT') {
      found?.set(id, body);
      state.created.set(id, (state.created.get(id) ?? 0) + 1);
      return { status: 200, json: body };
    }
    const held = found?.get(id);
    return held === undefined
      ? { status: 404, json: { errorCode: 404_201, message: 'not found' } }
      : { status: 200, json: held };
  }

  const others = () => ({ registrations: state.registrations, devices: state.devices });

  function bulk(items: readonly Json[]): Json {
    const errors: Json[] = [];
    for (const item of items) {
      const registrationId = String(item['registrationId']);
      const exists = state.enrollments.has(registrationId) ? 409_000 : undefined;
      const errorCode = state.itemTrouble(registrationId) ?? exists;
      if (errorCode !== undefined) {
        errors.push({ registrationId, errorCode, errorStatus: `refused as ${errorCode}` });
        continue;
      }
      state.enrollments.set(registrationId, item);
      state.created.set(registrationId, (state.created.get(registrationId) ?? 0) + 1);
    }
    return { isSuccessful: errors.length === 0, errors };
  }

  const listen = (port: number): Promise<number> =>
    new Promise((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        resolve((server.address() as AddressInfo).port);
      });
    });
  const stopListening = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      for (const socket of sockets) socket.destroy();
    });
  const port = await listen(0);
  return Object.assign(state, {
    caPem: authority.caPem,
    connection: { host: '127.0.0.1', port, keyName: 'owner', key },
    /** As a service that is restarted: connections end, and new ones are refused until it is back. */
    goAway: stopListening,
    comeBack: () => listen(port),
    bulks: () => state.seen.filter((seen) => seen.method === 'POST' && seen.path === '/enrollments'),
    close: stopListening,
  });
}

export type SyncServer = Awaited<ReturnType<typeof startSyncServer>>;
