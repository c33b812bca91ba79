/**
 * Many devices register while service and hubs are killed again and again, at points drawn from a seed. What a device
 * was told is written down as it is told, and compared at the end with what is on the disks.
 */
import { createHmac } from 'node:crypto';
import { Agent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../../src-main/lib/base/host.ts';
import { must } from '../../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../../src-main/lib/dps/sas.ts';
import { openDatabase } from '../../../src-main/lib/sqlite/database.ts';
import { openServiceBed, until, type ServiceBed } from '../service-bed.ts';
import { withStillCopy } from './still-copy.ts';

export interface StormPlan {
  readonly devices: number;
  readonly serviceKills: number;
  readonly hubKills: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface StormReport {
  /** Registrations that the service accepted: more than devices, since a device starts over after a kill. */
  readonly accepted: number;
  readonly lostConnections: number;
  readonly kills: number;
  /** What did not hold; empty when all did. */
  readonly broken: readonly string[];
}

// As many as a hall boots at once.
const atOnce = 32;
const groupId = 'storm';
const groupKey = Buffer.alloc(32, 7);
// A device tries again for ever; here, long enough for every restart of a loaded machine.
const maxTries = 2_000;
const tryAgainMs = 40;

interface Told {
  readonly accepted: Map<string, string>;
  readonly assigned: Map<string, { readonly hub: string; readonly deviceId: string }>;
  lost: number;
}

export async function killStorm(plan: StormPlan): Promise<StormReport> {
  const bed = await openServiceBed();
  try {
    const symmetricKey = { primaryKey: groupKey.toString('base64'), secondaryKey: groupKey.toString('base64') };
    const attestation = { type: 'symmetricKey' as const, symmetricKey };
    must(await bed.client.groups.put({ enrollmentGroupId: groupId, attestation }));
    const told: Told = { accepted: new Map(), assigned: new Map(), lost: 0 };
    const lanes = registerAll(bed, plan.devices, told);
    const kills = await killAtPoints(bed, plan, told);
    await lanes;
    // Once more with nobody about: what is on disk is all there is.
    await bed.killService('SIGKILL');
    await bed.restartService();
    await until(async () => (pendingIn(bed) === 0 ? true : undefined), 'nothing is under way', 60_000);
    return { accepted: told.accepted.size, lostConnections: told.lost, kills, broken: whatBroke(bed, plan, told) };
  } finally {
    await bed.close();
  }
}

// ---- kills

/** Each after so many devices were assigned, and a little chance later, so that it falls anywhere in a registration. */
async function killAtPoints(bed: ServiceBed, plan: StormPlan, told: Told): Promise<number> {
  const draw = randomFrom(plan.seed);
  const kinds = [...Array<'service'>(plan.serviceKills).fill('service'), ...Array<'hubs'>(plan.hubKills).fill('hubs')];
  const points = kinds
    .map((kind) => ({ kind, after: Math.floor(draw() * plan.devices * 0.95), laterMs: draw() * 30 }))
    .toSorted((a, b) => a.after - b.after);
  for (const { kind, after, laterMs } of points) {
    await until(async () => (told.assigned.size >= after ? true : undefined), `${after} are assigned`, 600_000);
    await pause(laterMs);
    plan.say(`SIGKILL to the ${kind} after ${told.assigned.size} devices`);
    if (kind === 'service') {
      await bed.killService('SIGKILL');
      await bed.restartService();
    } else {
      await bed.killHubs('SIGKILL');
      await bed.restartHubs();
    }
  }
  return points.length;
}

/** Mulberry32: the same seed kills at the same points. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// ---- devices

const idOf = (at: number): string => `storm-${String(at).padStart(5, '0')}`;

async function registerAll(bed: ServiceBed, devices: number, told: Told): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < devices) {
      next += 1;
      await registerUntilAssigned(bed, idOf(next - 1), told);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** A device whose connection breaks starts over, as the SDKs leave it to their programs. */
async function registerUntilAssigned(bed: ServiceBed, id: string, told: Told): Promise<void> {
  const key = createHmac('sha256', groupKey).update(id).digest();
  const resource = `${bed.ready.idScope}/registrations/${id}`;
  const expiresAtS = Math.floor(systemClock.nowMs() / 1_000) + 3_600;
  const authorization = must(await createSasToken({ resource, expiresAtS, keyName: 'registration' }, keySigner(key)));
  for (let tries = 0; tries < maxTries; tries += 1) {
    try {
      if (await registerOnce(bed, { id, authorization }, told)) return;
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error;
      told.lost += 1;
    }
    await pause(tryAgainMs);
  }
  throw new Error(`${id} was never assigned`);
}

interface Device {
  readonly id: string;
  readonly authorization: string;
}

/** On one connection of its own: register, then poll until the end. */
async function registerOnce(bed: ServiceBed, device: Device, told: Told): Promise<boolean> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: bed.caPem });
  const path = `/${bed.ready.idScope}/registrations/${device.id}`;
  try {
    const started = await ask(bed, agent, { ...device, method: 'PUT', path: `${path}/register` });
    const { operationId } = started.json;
    if (started.status !== 202 || operationId === undefined) return false;
    told.accepted.set(operationId, device.id);
    for (;;) {
      const polled = await ask(bed, agent, { ...device, method: 'GET', path: `${path}/operations/${operationId}` });
      const { status, registrationState: state } = polled.json;
      if (status === 'assigned' && state?.assignedHub !== undefined && state.deviceId !== undefined) {
        told.assigned.set(device.id, { hub: state.assignedHub, deviceId: state.deviceId });
        return true;
      }
      if (polled.status !== 202) return false;
    }
  } finally {
    agent.destroy();
  }
}

interface Reply {
  readonly status: number;
  readonly json: {
    readonly operationId?: string;
    readonly status?: string;
    readonly registrationState?: { readonly assignedHub?: string; readonly deviceId?: string };
  };
}

function ask(bed: ServiceBed, agent: Agent, call: Device & { method: string; path: string }): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: call.authorization, 'content-type': 'application/json' };
    const path = `${call.path}?api-version=2019-03-31`;
    const options = { host: bed.address, port: 8443, agent, method: call.method, path, headers, timeout: 30_000 };
    const request = httpsRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = (text === '' ? {} : JSON.parse(text)) as Reply['json'];
        resolve({ status: response.statusCode ?? 0, json });
      });
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    request.end(call.method === 'PUT' ? JSON.stringify({ registrationId: call.id }) : undefined);
  });
}

// ---- what is on the disks

type Row = Readonly<Record<string, string | number | null>>;

function rowsIn(bed: ServiceBed, file: string, sql: string): readonly Row[] {
  return withStillCopy(join(bed.folder, file), (copy) => {
    const database = must(openDatabase({ file: copy }));
    const rows = must(database.read((read) => read.all<Row>(sql)));
    database.close();
    return rows;
  });
}

const countIn = (bed: ServiceBed, file: string, what: string): number =>
  Number(rowsIn(bed, file, `SELECT count(*) AS n FROM ${what}`)[0]?.['n']);

const serviceFile = 'service/service.sqlite';
const hubsFile = 'hubs/hubs.sqlite';

const pendingIn = (bed: ServiceBed): number => countIn(bed, serviceFile, "operations WHERE state = 'assigning'");

type Check = (holds: boolean, what: string) => void;

function whatBroke(bed: ServiceBed, plan: StormPlan, told: Told): readonly string[] {
  const broken: string[] = [];
  const check: Check = (holds, what) => {
    // The first tell enough.
    if (!holds && broken.length < 20) broken.push(what);
  };
  const counts = {
    registrations: countIn(bed, serviceFile, "registrations WHERE status = 'assigned'"),
    places: countIn(bed, serviceFile, 'device_places'),
    'devices at the hubs': countIn(bed, hubsFile, 'devices'),
    'devices that were told': told.assigned.size,
  };
  for (const [what, count] of Object.entries(counts)) check(count === plan.devices, `${count} ${what}`);
  const kept = new Set(rowsIn(bed, serviceFile, 'SELECT id FROM operations').map((row) => row['id']));
  for (const id of told.accepted.keys()) check(kept.has(id), `the operation ${id} was accepted and is gone`);
  checkAssigned(bed, told, check);
  return broken;
}

/** What a device was told is the record, and the hub has the device once, with the key that it signs with. */
function checkAssigned(bed: ServiceBed, told: Told, check: Check): void {
  const records = new Map(rowsIn(bed, serviceFile, 'SELECT * FROM registrations').map((row) => [row['key'], row]));
  const devices = rowsIn(bed, hubsFile, 'SELECT hub, device_id, authentication FROM devices');
  const atHubs = Map.groupBy(devices, (row) => row['device_id']);
  for (const [id, { hub, deviceId }] of told.assigned) {
    const record = records.get(id);
    const shown = `${record?.['status'] ?? 'nothing'} ${record?.['assigned_hub'] ?? ''} ${record?.['device_id'] ?? ''}`;
    check(shown === `assigned ${hub} ${deviceId}`, `${id} was told ${hub}, the record says ${shown}`);
    const key = createHmac('sha256', groupKey).update(id).digest('base64');
    const there = (atHubs.get(deviceId) ?? []).map((row) => ({
      hub: bed.hubs[Number(row['hub']) - 1]?.hostName,
      hasKey: String(row['authentication']).includes(key),
    }));
    const isThere = there.length === 1 && there[0]?.hub === hub && there[0].hasKey;
    check(isThere, `${deviceId} of ${hub} is at the hubs as ${JSON.stringify(there)}`);
  }
}
