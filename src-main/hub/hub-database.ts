/** The hubs' SQLite file: who they are, their devices, the subscriptions of kept sessions, and messages to devices. */
import { ok, type Result } from '../lib/base/result.ts';
import { openDatabase, type Database, type ReadDb, type WriteDb } from '../lib/sqlite/database.ts';
import { migrate, type Migration } from '../lib/sqlite/migrate.ts';
import { cloudMessageReader, cloudMessagesFormat, cloudMessageWriter } from './cloud-message-rows.ts';
import type { CloudMessageStore } from './cloud-message-store.ts';
import type { DeviceReader, DeviceStore, DeviceWriter, TopicSubscription } from './device-store.ts';
import type { Authentication, Device } from './device.ts';
import type { Twin } from './twin.ts';

const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'first-format',
    up(db) {
      db.run(`CREATE TABLE hubs (
        number INTEGER PRIMARY KEY, primary_key TEXT NOT NULL, secondary_key TEXT NOT NULL) STRICT`);
      db.run(`CREATE TABLE devices (
        hub INTEGER NOT NULL REFERENCES hubs (number),
        device_id TEXT NOT NULL, generation_id TEXT NOT NULL, etag TEXT NOT NULL,
        status TEXT NOT NULL, status_reason TEXT, status_updated_ms INTEGER,
        connection_updated_ms INTEGER, last_activity_ms INTEGER,
        authentication TEXT NOT NULL, iot_edge INTEGER NOT NULL, twin TEXT NOT NULL,
        PRIMARY KEY (hub, device_id)) STRICT, WITHOUT ROWID`);
      db.run('CREATE INDEX devices_by_status ON devices (hub, status)');
      db.run(`CREATE TABLE subscriptions (
        hub INTEGER NOT NULL, device_id TEXT NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL,
        PRIMARY KEY (hub, device_id, filter),
        FOREIGN KEY (hub, device_id) REFERENCES devices (hub, device_id) ON DELETE CASCADE) STRICT, WITHOUT ROWID`);
    },
  },
  cloudMessagesFormat,
  {
    version: 3,
    name: 'model-of-device',
    up(db) {
      db.run(`ALTER TABLE devices ADD COLUMN model_id TEXT NOT NULL DEFAULT ''`);
    },
  },
];

export interface HubKeys {
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

export interface HubDatabase {
  /** The policy keys of this hub; made by `make` the first time and the same ever after. */
  keys(hub: number, make: () => HubKeys): Result<HubKeys>;
  devices(hub: number): DeviceStore;
  cloudMessages(hub: number): CloudMessageStore;
  close(): void;
}

interface DeviceRow {
  readonly device_id: string;
  readonly generation_id: string;
  readonly etag: string;
  readonly status: 'enabled' | 'disabled';
  readonly status_reason: string | null;
  readonly status_updated_ms: number | null;
  readonly connection_updated_ms: number | null;
  readonly last_activity_ms: number | null;
  readonly authentication: string;
  readonly iot_edge: number;
  readonly twin: string;
  readonly model_id: string;
}

export function openHubDatabase(file: string): Result<HubDatabase> {
  const opened = openDatabase({ file, sole: true });
  if (!opened.ok) return opened;
  const db = opened.value;
  const migrated = migrate(db, migrations);
  if (!migrated.ok) {
    db.close();
    return migrated;
  }
  return ok({
    keys: (hub, make) => keysOf(db, hub, make),
    devices: (hub) => ({
      read: (look) => db.read((read) => look(readerOver(read, hub))),
      write: (change) => db.write((write) => change(writerOver(write, hub))),
    }),
    cloudMessages: (hub) => ({
      read: (look) => db.read((read) => look(cloudMessageReader(read, hub))),
      write: (change) => db.write((write) => change(cloudMessageWriter(write, hub))),
    }),
    close: () => {
      db.close();
    },
  });
}

function keysOf(db: Database, hub: number, make: () => HubKeys): Result<HubKeys> {
  return db.write((write) => {
    const row = write.get<{ primary_key: string; secondary_key: string }>(
      'SELECT primary_key, secondary_key FROM hubs WHERE number = ?',
      hub,
    );
    if (row !== undefined) return ok({ primaryKey: row.primary_key, secondaryKey: row.secondary_key });
    const made = make();
    write.run('INSERT INTO hubs VALUES (?, ?, ?)', hub, made.primaryKey, made.secondaryKey);
    return ok(made);
  });
}

function readerOver(db: ReadDb, hub: number): DeviceReader {
  return {
    get(deviceId) {
      const row = db.get<DeviceRow>('SELECT * FROM devices WHERE hub = ? AND device_id = ?', hub, deviceId);
      return row === undefined ? undefined : deviceOf(row);
    },
    list: (limit, afterId) =>
      db
        .all<DeviceRow>(
          'SELECT * FROM devices WHERE hub = ? AND device_id > ? ORDER BY device_id LIMIT ?',
          hub,
          afterId ?? '',
          limit,
        )
        .map(deviceOf),
    counts() {
      const row = db.get<{ total: number; enabled: number }>(
        `SELECT count(*) AS total, count(*) FILTER (WHERE status = 'enabled') AS enabled FROM devices WHERE hub = ?`,
        hub,
      );
      return row ?? { total: 0, enabled: 0 };
    },
    subscriptions: (deviceId) =>
      db.all<TopicSubscription>(
        'SELECT filter, qos FROM subscriptions WHERE hub = ? AND device_id = ? ORDER BY filter',
        hub,
        deviceId,
      ),
  };
}

function writerOver(db: WriteDb, hub: number): DeviceWriter {
  return {
    ...readerOver(db, hub),
    put(device) {
      db.run(
        `INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (hub, device_id) DO UPDATE SET
           generation_id = excluded.generation_id, etag = excluded.etag, status = excluded.status,
           status_reason = excluded.status_reason, status_updated_ms = excluded.status_updated_ms,
           authentication = excluded.authentication, iot_edge = excluded.iot_edge, twin = excluded.twin`,
        ...[hub, device.deviceId, device.generationId, device.etag, device.status, device.statusReason],
        ...[device.statusUpdatedMs ?? null, device.connectionUpdatedMs ?? null, device.lastActivityMs ?? null],
        ...[JSON.stringify(device.authentication), device.iotEdge ? 1 : 0, JSON.stringify(device.twin), device.modelId],
      );
    },
    remove(deviceId) {
      db.run('DELETE FROM devices WHERE hub = ? AND device_id = ?', hub, deviceId);
    },
    keepSubscriptions(deviceId, subscriptions) {
      db.run('DELETE FROM subscriptions WHERE hub = ? AND device_id = ?', hub, deviceId);
      for (const { filter, qos } of subscriptions) {
        db.run('INSERT INTO subscriptions VALUES (?, ?, ?, ?)', hub, deviceId, filter, qos);
      }
    },
    noteActivity(deviceId, atMs) {
      db.run('UPDATE devices SET last_activity_ms = ? WHERE hub = ? AND device_id = ?', atMs, hub, deviceId);
    },
    noteModel(deviceId, modelId) {
      db.run('UPDATE devices SET model_id = ? WHERE hub = ? AND device_id = ?', modelId, hub, deviceId);
    },
    noteConnection(deviceId, atMs) {
      db.run('UPDATE devices SET connection_updated_ms = ? WHERE hub = ? AND device_id = ?', atMs, hub, deviceId);
    },
  };
}

function deviceOf(row: DeviceRow): Device {
  return {
    deviceId: row.device_id,
    generationId: row.generation_id,
    etag: row.etag,
    status: row.status,
    statusReason: row.status_reason,
    statusUpdatedMs: row.status_updated_ms ?? undefined,
    connectionUpdatedMs: row.connection_updated_ms ?? undefined,
    lastActivityMs: row.last_activity_ms ?? undefined,
    // written by us, in these shapes, in the commits above
    authentication: JSON.parse(row.authentication) as Authentication,
    iotEdge: row.iot_edge === 1,
    twin: JSON.parse(row.twin) as Twin,
    modelId: row.model_id,
  };
}
