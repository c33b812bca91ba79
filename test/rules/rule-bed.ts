/**
 * The real service in this process, with one real hub behind it, on loopback addresses of its own; its certificates are
 * made beforehand with P-256 keys, so that a start takes no time. Its clock goes as it is told.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHubDatabase } from '../../src-main/hub/hub-database.ts';
import { openDoors } from '../../src-main/hub/hub-listeners.ts';
import { createHub } from '../../src-main/hub/hub.ts';
import { toBase64 } from '../../src-main/lib/base/bytes.ts';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog, type Log } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { formatConnectionString, parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import { createServiceClient } from '../../src-main/lib/dps/service-client.ts';
import { claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { createAuthority } from '../../src-main/lib/x509/authority.ts';
import { privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import { loadOrCreateTlsAuthority } from '../../src-main/lib/x509/tls-authority.ts';
import { parseServiceOptions } from '../../src-main/service/options.ts';
import { startService } from '../../src-main/service/service.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };

export const serviceName = 'dps.rules.test';

/** The system's clock, set forward by `shiftMs`, never back: both its times go along, and what falls due meanwhile fires. */
interface ShiftedClock extends Clock {
  shiftMs: number;
}

interface ShiftedTimer {
  readonly dueMs: number;
  readonly fire: () => void;
  readonly cancel: () => void;
}

function shiftedClock(): ShiftedClock {
  const timers = new Set<ShiftedTimer>();
  let shiftMs = 0;
  const monotonicMs = (): number => systemClock.monotonicMs() + shiftMs;
  return {
    get shiftMs() {
      return shiftMs;
    },
    set shiftMs(ms) {
      shiftMs = ms;
      for (const timer of [...timers].filter(({ dueMs }) => dueMs <= monotonicMs())) {
        timer.cancel();
        timer.fire();
      }
    },
    nowMs: () => systemClock.nowMs() + shiftMs,
    monotonicMs,
    after(ms, fire) {
      const stop = systemClock.after(ms, () => {
        timers.delete(timer);
        fire();
      });
      const cancel = (): void => {
        timers.delete(timer);
        stop();
      };
      const timer: ShiftedTimer = { dueMs: monotonicMs() + ms, fire, cancel };
      timers.add(timer);
      return cancel;
    },
  };
}

export interface RuleBedOptions {
  /** Of the service's TLS certificate. */
  readonly serverKey?: 'p256' | 'rsa';
}

export interface RuleRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly tls?: { readonly certificatePem: string; readonly privateKeyPem: string };
}

export interface RuleReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As on the wire. */
  readonly headerNames: readonly string[];
  readonly json: Record<string, unknown>;
  readonly text: string;
}

export async function openRuleBed(options: RuleBedOptions = {}) {
  const block = must(claimLoopbackBlock());
  const folder = mkdtempSync(join(tmpdir(), 'benchline-rules-'));
  const [address, hubAddress] = [`${block.base}.1`, `${block.base}.11`];
  const tlsFolder = join(folder, 'tls');
  await prepareTls(tlsFolder);
  const errors: string[] = [];
  const hub = await openHub({ file: join(folder, 'hubs.sqlite'), tlsFolder, address: hubAddress, errors });
  const clock = shiftedClock();
  const place = ['--listen', address, '--host-name', serviceName, '--https', '0', '--mqtts', '0', '--amqps', '0'];
  const files = ['--data', join(folder, 'service'), '--tls-dir', tlsFolder, '--ready-file', join(folder, 'ready.json')];
  const more = ['--tls-key', options.serverKey ?? 'p256', '--link-hub', hub.connectionString];
  const service = must(
    await startService(must(parseServiceOptions([...place, ...files, ...more])), {
      ...parts,
      clock,
      log: listening(errors),
    }),
  );
  const { ready } = service;
  const caPem = hub.caPem;
  const connection = { ...must(parseConnectionString(ready.serviceConnectionString)), host: address };
  const client = createServiceClient({ connection, caPem }, parts);
  const peer = { host: address, port: ready.ports.https, caPem };
  const shared = new Agent({ keepAlive: true, maxSockets: 8 });
  return {
    address,
    folder,
    ready,
    caPem,
    clock,
    client,
    hub: { address: hubAddress, ports: hub.ports, registry: hub.connection },
    /** What the service and its hub have told of as errors of its own: nothing that a stranger sends may be one. */
    errors,
    ask: (request: RuleRequest) => ask(peer, request),
    /** On one of a few connections that stay: for many requests without a certificate. */
    askShared: (request: RuleRequest) => ask({ ...peer, agent: shared }, request),
    ownerKeyName: connection.keyName,
    ownerKey: connection.key,
    registerPath: (id: string) => `/${ready.idScope}/registrations/${id}/register?api-version=2019-03-31`,
    pollPath: (id: string, operationId: unknown) =>
      `/${ready.idScope}/registrations/${id}/operations/${String(operationId)}?api-version=2019-03-31`,
    /** As the service's owner. */
    async owner(): Promise<string> {
      const expiresAtS = Math.floor(clock.nowMs() / 1_000) + 3_600;
      const request = { resource: address, expiresAtS, keyName: connection.keyName };
      return must(await createSasToken(request, keySigner(Buffer.from(connection.key, 'base64'))));
    },
    async close(): Promise<void> {
      client.close();
      shared.destroy();
      await service.close();
      await hub.close();
      block.release();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function listening(errors: string[]): Log {
  const error: Log['error'] = (event, fields) => void errors.push(`${event} ${JSON.stringify(fields ?? {})}`);
  return { ...silentLog, error, with: () => listening(errors) };
}

export type RuleBed = Awaited<ReturnType<typeof openRuleBed>>;

/** The authority that `loadOrCreateTlsAuthority` would make, with a key that takes no time. */
async function prepareTls(folder: string): Promise<void> {
  mkdirSync(folder, { mode: 0o700 });
  const plan = { commonName: 'Rules TLS', algorithm: 'p256', validityDays: 365, pathLength: 0 } as const;
  const authority = must(await createAuthority(plan, parts));
  const text = privateKeyToPem(authority.privateKey) + certificatesToPem(authority.chain);
  writeFileSync(join(folder, 'ca-key.pem'), text, { mode: 0o600 });
}

interface HubPlace {
  readonly file: string;
  readonly tlsFolder: string;
  readonly address: string;
  readonly errors: string[];
}

async function openHub({ file, tlsFolder, address, errors }: HubPlace) {
  const authority = must(await loadOrCreateTlsAuthority(tlsFolder, parts));
  const database = must(openHubDatabase(file));
  const fresh = { primaryKey: toBase64(systemRandom.bytes(32)), secondaryKey: toBase64(systemRandom.bytes(32)) };
  const keys = must(database.keys(1, () => fresh));
  const log = listening(errors);
  const stores = { store: database.devices(1), cloudMessageStore: database.cloudMessages(1) };
  const hub = await createHub({ ...parts, log, ...stores, hostName: address, keys });
  const place = { number: 1, address, hostName: address };
  const ports = { https: 0, mqtts: 0, amqps: 0 };
  const doors = must(await openDoors({ place, ports, authority, tlsKey: 'p256', log, hubFor: () => hub }));
  const [https = 0, mqtts = 0, amqps = 0] = doors.map((door) => door.port);
  const connection = { host: address, port: https, keyName: 'iothubowner', key: keys.primaryKey };
  return {
    caPem: authority.caPem,
    ports: { https, mqtts, amqps },
    connection,
    connectionString: formatConnectionString(connection),
    async close() {
      await Promise.all(doors.map((door) => door.close()));
      await hub.close();
      database.close();
    },
  };
}

/** On a connection of its own; nothing of our clients is in it. */
function ask(
  peer: { readonly host: string; readonly port: number; readonly caPem: string; readonly agent?: Agent },
  call: RuleRequest,
): Promise<RuleReply> {
  return new Promise((resolve, reject) => {
    const body = call.body === undefined ? undefined : Buffer.from(call.body);
    const { host, port, caPem: ca, agent = false } = peer;
    const request = httpsRequest(
      {
        ...{ host, port, ca, agent, method: call.method, path: call.path, servername: serviceName },
        headers: { ...(body === undefined ? {} : { 'content-length': body.length }), ...call.headers },
        ...(call.tls === undefined ? {} : { cert: call.tls.certificatePem, key: call.tls.privateKeyPem }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const json = /^[{[]/.test(text) ? (JSON.parse(text) as Record<string, unknown>) : {};
          const { statusCode: status = 0, headers, rawHeaders } = response;
          resolve({ status, headers, headerNames: rawHeaders.filter((_, at) => at % 2 === 0), json, text });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Polls until it is done, within a bound. */
export async function settled(poll: () => Promise<RuleReply>): Promise<RuleReply> {
  const endMs = systemClock.monotonicMs() + 15_000;
  for (;;) {
    const reply = await poll();
    if (reply.status !== 202 || systemClock.monotonicMs() > endMs) return reply;
    await new Promise<void>((resolve) => void systemClock.after(10, resolve));
  }
}
