/** The hub program: so many virtual hubs in one process, each at an address of its own. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64 } from '../lib/base/bytes.ts';
import { isoTime, systemClock, systemRandom } from '../lib/base/host.ts';
import { jsonLog, type Log } from '../lib/base/log.ts';
import { ok, type Result } from '../lib/base/result.ts';
import { formatConnectionString } from '../lib/dps/connection-string.ts';
import type { Listener } from '../lib/listen/tls-server.ts';
import { clearReadyFile } from '../lib/process/program.ts';
import { writeReadyFile } from '../lib/process/ready-file.ts';
import { sayWhyNotStarted } from '../lib/process/start-refusal.ts';
import { stopRequested, whenStopped } from '../lib/process/stop.ts';
import { loadOrCreateTlsAuthority } from '../lib/x509/tls-authority.ts';
import { policyName } from './access.ts';
import { openHubDatabase, type HubDatabase, type HubKeys } from './hub-database.ts';
import { openDoors } from './hub-listeners.ts';
import { createHub, type Hub } from './hub.ts';
import { parseHubOptions, type HubOptions, type HubPlace } from './options.ts';
import { hubUsage } from './usage.ts';

interface Running {
  readonly ready: readonly unknown[];
  close(): Promise<void>;
}

const policyKeyBytes = 32; // what IoT Hub makes

async function start(options: HubOptions, log: Log): Promise<Result<Running>> {
  await mkdir(options.dataFolder, { recursive: true, mode: 0o700 });
  const database = openHubDatabase(join(options.dataFolder, 'hubs.sqlite'));
  if (!database.ok) return database;
  const opened = await openHubs(options, database.value, log);
  if (!opened.ok) database.value.close();
  return opened;
}

async function openHubs(options: HubOptions, database: HubDatabase, log: Log): Promise<Result<Running>> {
  const authority = await loadOrCreateTlsAuthority(options.tlsFolder, { clock: systemClock, random: systemRandom });
  if (!authority.ok) return authority;
  const hubs: Hub[] = [];
  const doors: Listener[] = [];
  const ready: unknown[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(doors.map((door) => door.close()));
    await Promise.all(hubs.map((hub) => hub.close()));
  };
  for (const place of options.places) {
    const hubLog = log.with({ hub: place.hostName });
    const keys = database.keys(place.number, newKeys);
    if (!keys.ok) {
      await close();
      return keys;
    }
    const store = database.devices(place.number);
    const cloudMessageStore = database.cloudMessages(place.number);
    const parts = { hostName: place.hostName, keys: keys.value, store, cloudMessageStore, log: hubLog };
    const hub = await createHub({ ...parts, clock: systemClock, random: systemRandom });
    const wish = options.faults.get(place.number);
    if (wish !== undefined) hub.faults.set(wish.fault, wish.forS);
    hubs.push(hub);
    ready.push(readyEntry(place, options, keys.value));
  }
  for (const [at, place] of options.places.entries()) {
    const opened = await openDoors({
      place,
      hostNames: options.places.map(({ hostName }) => hostName),
      ports: options.ports,
      authority: authority.value,
      tlsKey: options.tlsKey,
      log: log.with({ hub: place.hostName }),
      hubFor: (peer) => meant(hubs, peer.serverName, at),
    });
    if (!opened.ok) {
      await close();
      return opened;
    }
    doors.push(...opened.value);
  }
  return ok({
    ready,
    async close() {
      await close();
      database.close();
    },
  });
}

function meant(hubs: readonly Hub[], serverName: string | undefined, at: number): Hub {
  const hub = hubs.find(({ hostName }) => hostName === serverName) ?? hubs[at];
  if (hub === undefined) throw new Error(`no hub number ${at}`);
  return hub;
}

function newKeys(): HubKeys {
  const key = (): string => toBase64(systemRandom.bytes(policyKeyBytes));
  return { primaryKey: key(), secondaryKey: key() };
}

function readyEntry({ hostName, address }: HubPlace, { ports }: HubOptions, keys: HubKeys): unknown {
  const connection = { host: hostName, port: ports.https, keyName: policyName, key: keys.primaryKey };
  return { hostName, address, ports, connectionString: formatConnectionString(connection) };
}

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${hubUsage}\n`);
    return 0;
  }
  // Keys lie in the data folder: nothing made here is for others to read.
  process.umask(0o077);
  const stop = stopRequested();
  const log = jsonLog(
    (line) => void process.stderr.write(`${line}\n`),
    () => isoTime(systemClock.nowMs()),
  ).with({ program: 'hub' });
  const options = parseHubOptions(process.argv.slice(2));
  if (!options.ok) {
    sayWhyNotStarted(options.fault);
    return 2;
  }
  const { readyFile } = options.value;
  await clearReadyFile(readyFile);
  const running = await start(options.value, log);
  if (!running.ok) {
    sayWhyNotStarted(running.fault);
    return 1;
  }
  const told = await writeReadyFile(readyFile, running.value.ready);
  if (!told.ok) {
    await running.value.close();
    sayWhyNotStarted(told.fault);
    return 1;
  }
  log.info('hub-ready', { hubs: running.value.ready.length });
  await whenStopped(stop);
  await clearReadyFile(readyFile);
  await running.value.close();
  log.info('hub-stopped');
  return 0;
}

process.exitCode = await main();
