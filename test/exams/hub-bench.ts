/** A hub with its real doors, database and certificates, on an address of its own, for exams over real sockets. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { createHub, type Hub } from '../../src-main/hub/hub.ts';
import { openHubDatabase } from '../../src-main/hub/hub-database.ts';
import { openDoors } from '../../src-main/hub/hub-listeners.ts';
import type { HubPorts } from '../../src-main/hub/options.ts';
import { fromBase64, toBase64 } from '../../src-main/lib/base/bytes.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog, type Log } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import { createSignedCaller, type SignedCaller } from '../../src-main/lib/dps/service-client.ts';
import { claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { loadOrCreateTlsAuthority } from '../../src-main/lib/x509/tls-authority.ts';

export interface HubBench {
  readonly address: string;
  readonly ports: { readonly https: number; readonly mqtts: number; readonly amqps: number };
  readonly caPem: string;
  /** Of the policy; what it signs is a service's. */
  readonly policyKey: string;
  /** Calls signed by the policy's key. */
  readonly registry: SignedCaller;
  /** The same with a key of nobody. */
  readonly stranger: SignedCaller;
  /** Ends the hub and opens it again on the same data and ports. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function openHubBench(log: Log = silentLog): Promise<HubBench> {
  const folder = mkdtempSync(join(tmpdir(), 'hub-exam-'));
  const block = must(claimLoopbackBlock());
  const address = `${block.base}.11`;
  const authority = must(
    await loadOrCreateTlsAuthority(join(folder, 'tls'), { clock: systemClock, random: systemRandom }),
  );
  const keys = { primaryKey: toBase64(systemRandom.bytes(32)), secondaryKey: toBase64(systemRandom.bytes(32)) };
  const place = { number: 1, address, hostName: address };
  const parts = { clock: systemClock, random: systemRandom, log };

  const open = async (ports: HubPorts) => {
    const database = must(openHubDatabase(join(folder, 'hubs.sqlite')));
    const kept = must(database.keys(1, () => keys));
    const stores = { store: database.devices(1), cloudMessageStore: database.cloudMessages(1) };
    const hub: Hub = await createHub({ ...parts, ...stores, hostName: address, keys: kept });
    const doors = must(await openDoors({ place, ports, authority, log, hubFor: () => hub }));
    return {
      ports: { https: doors[0]!.port, mqtts: doors[1]!.port, amqps: doors[2]!.port },
      async close() {
        await Promise.all(doors.map((door) => door.close()));
        await hub.close();
        database.close();
      },
    };
  };

  let running = await open({ https: 0, mqtts: 0, amqps: 0 });
  const { ports } = running;
  const caller = (key: string): SignedCaller =>
    createSignedCaller(
      { connection: { host: address, port: ports.https, keyName: 'iothubowner', key }, caPem: authority.caPem },
      parts,
    );
  const registry = caller(keys.primaryKey);
  const stranger = caller(toBase64(systemRandom.bytes(32)));
  return {
    address,
    ports,
    caPem: authority.caPem,
    policyKey: keys.primaryKey,
    registry,
    stranger,
    async restart() {
      await running.close();
      running = await open(ports);
    },
    async close() {
      registry.close();
      stranger.close();
      await running.close();
      block.release();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface DeviceLogin {
  readonly deviceId: string;
  readonly password?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly userName?: string;
  readonly clean?: boolean;
  /** From the first packet on: a kept session may be sent to before the connection is known to its test. */
  readonly onMessage?: (topic: string, text: string) => void;
}

/** An MQTT client that neither retries nor resubscribes: what the hub keeps is what there is. */
export function connectDevice(bench: HubBench, login: DeviceLogin): Promise<MqttClient> {
  const options: IClientOptions = {
    clientId: login.deviceId,
    username: login.userName ?? `${bench.address}/${login.deviceId}/?api-version=2021-04-12`,
    clean: login.clean ?? false,
    ca: bench.caPem,
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: 10_000,
    ...(login.password === undefined ? {} : { password: login.password }),
    ...(login.cert === undefined || login.key === undefined ? {} : { cert: login.cert, key: login.key }),
  };
  const { onMessage } = login;
  if (onMessage === undefined) return connectAsync(`mqtts://${bench.address}:${bench.ports.mqtts}`, options);
  const client = connect(`mqtts://${bench.address}:${bench.ports.mqtts}`, options);
  client.on('message', (topic, payload) => {
    onMessage(topic, payload.toString());
  });
  return new Promise((resolve, reject) => {
    client.once('connect', () => {
      resolve(client);
    });
    client.once('error', reject);
  });
}

export interface TokenFor {
  readonly deviceId: string;
  readonly key: string;
  readonly lifeS?: number;
  readonly host?: string;
}

export async function deviceToken(bench: HubBench, wanted: TokenFor): Promise<string> {
  const resource = `${wanted.host ?? bench.address}/devices/${wanted.deviceId}`;
  const expiresAtS = Math.floor(systemClock.nowMs() / 1000) + (wanted.lifeS ?? 600);
  return must(await createSasToken({ resource, expiresAtS }, keySigner(fromBase64(wanted.key)!)));
}

export interface DeviceFiles {
  readonly cert: string;
  readonly key: string;
  readonly sha1: string;
  readonly sha256: string;
}

/** Made by OpenSSL, not by us. */
export function selfSigned(name: string): DeviceFiles {
  const folder = mkdtempSync(join(tmpdir(), 'hub-exam-cert-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const files = ['-keyout', keyFile, '-out', certFile, '-days', '2', '-subj', `/CN=${name}`];
  execFileSync('openssl', ['req', '-x509', ...curve, ...files], { stdio: 'pipe' });
  const print = (digest: string): string => {
    const shown = execFileSync('openssl', ['x509', '-in', certFile, '-noout', '-fingerprint', `-${digest}`]);
    return shown.toString().trim().split('=')[1]!.replaceAll(':', '');
  };
  const made = {
    cert: readFileSync(certFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
    sha1: print('sha1'),
    sha256: print('sha256'),
  };
  rmSync(folder, { recursive: true });
  return made;
}
