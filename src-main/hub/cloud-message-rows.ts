/** Cloud-to-device messages in the hubs' SQLite file. */
import type { ReadDb, WriteDb } from '../lib/sqlite/database.ts';
import type { Migration } from '../lib/sqlite/migrate.ts';
import type { Ack, AppProperties, SystemProperties } from './cloud-message.ts';
import type { CloudMessageReader, CloudMessageWriter } from './cloud-message-store.ts';

export const cloudMessagesFormat: Migration = {
  version: 2,
  name: 'cloud-to-device-messages',
  up(db) {
    // AUTOINCREMENT: a sequence number is never given twice, also after the queue was empty
    db.run(`CREATE TABLE cloud_messages (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      hub INTEGER NOT NULL, device_id TEXT NOT NULL, message_id TEXT NOT NULL, ack TEXT NOT NULL,
      enqueued_ms INTEGER NOT NULL, expires_ms INTEGER, delivery_count INTEGER NOT NULL,
      system TEXT NOT NULL, properties TEXT NOT NULL, payload BLOB NOT NULL,
      FOREIGN KEY (hub, device_id) REFERENCES devices (hub, device_id) ON DELETE CASCADE) STRICT`);
    db.run('CREATE INDEX cloud_messages_by_device ON cloud_messages (hub, device_id, sequence)');
  },
};

interface MessageRow {
  readonly sequence: number;
  readonly message_id: string;
  readonly ack: Ack;
  readonly enqueued_ms: number;
  readonly expires_ms: number | null;
  readonly delivery_count: number;
  readonly system: string;
  readonly properties: string;
  readonly payload: Uint8Array;
}

const ofDevice = 'hub = ? AND device_id = ?';

export function cloudMessageReader(db: ReadDb, hub: number): CloudMessageReader {
  return {
    count: (deviceId) =>
      db.get<{ found: number }>(`SELECT count(*) AS found FROM cloud_messages WHERE ${ofDevice}`, hub, deviceId)
        ?.found ?? 0,
    waiting: (deviceId) =>
      db
        .all<Pick<MessageRow, 'sequence' | 'delivery_count' | 'expires_ms'>>(
          `SELECT sequence, delivery_count, expires_ms FROM cloud_messages WHERE ${ofDevice} ORDER BY sequence`,
          hub,
          deviceId,
        )
        .map((row) => ({
          sequence: row.sequence,
          deliveryCount: row.delivery_count,
          expiresMs: row.expires_ms ?? undefined,
        })),
    get(deviceId, sequence) {
      const row = db.get<MessageRow>(
        `SELECT * FROM cloud_messages WHERE ${ofDevice} AND sequence = ?`,
        hub,
        deviceId,
        sequence,
      );
      if (row === undefined) return undefined;
      return {
        sequence: row.sequence,
        messageId: row.message_id,
        ack: row.ack,
        enqueuedMs: row.enqueued_ms,
        expiresMs: row.expires_ms ?? undefined,
        deliveryCount: row.delivery_count,
        // written by us, in these shapes, in `add`
        system: JSON.parse(row.system) as SystemProperties,
        properties: JSON.parse(row.properties) as AppProperties,
        payload: new Uint8Array(row.payload),
      };
    },
  };
}

export function cloudMessageWriter(db: WriteDb, hub: number): CloudMessageWriter {
  return {
    ...cloudMessageReader(db, hub),
    deviceExists: (deviceId) => db.get(`SELECT 1 FROM devices WHERE ${ofDevice}`, hub, deviceId) !== undefined,
    add(deviceId, message) {
      const { lastId } = db.run(
        `INSERT INTO cloud_messages
           (hub, device_id, message_id, ack, enqueued_ms, expires_ms, delivery_count, system, properties, payload)
         VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`,
        ...[hub, deviceId, message.messageId, message.ack, message.enqueuedMs, message.expiresMs ?? null],
        ...[JSON.stringify(message.system), JSON.stringify(message.properties), message.payload],
      );
      return lastId;
    },
    noteDelivery(deviceId, sequence) {
      const change = 'UPDATE cloud_messages SET delivery_count = delivery_count + 1';
      db.run(`${change} WHERE ${ofDevice} AND sequence = ?`, hub, deviceId, sequence);
    },
    remove(deviceId, sequence) {
      db.run(`DELETE FROM cloud_messages WHERE ${ofDevice} AND sequence = ?`, hub, deviceId, sequence);
    },
    removeAll: (deviceId) => db.run(`DELETE FROM cloud_messages WHERE ${ofDevice}`, hub, deviceId).changes,
  };
}
