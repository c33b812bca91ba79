import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../lib/base/bytes.ts';
import { must, ok } from '../lib/base/result.ts';
import { openDatabase } from '../lib/sqlite/database.ts';
import { migrate } from '../lib/sqlite/migrate.ts';
import { openHubDatabase } from './hub-database.ts';
import { newTwin } from './twin.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hub-database-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** As the first version wrote it. */
function writeFirstFormat(file: string): void {
  const db = must(openDatabase({ file }));
  const first = {
    version: 1,
    name: 'first-format',
    up(write: { run(sql: string, ...values: (string | number | null)[]): unknown }) {
      write.run(`CREATE TABLE hubs (
        number INTEGER PRIMARY KEY, primary_key TEXT NOT NULL, secondary_key TEXT NOT NULL) STRICT`);
      write.run(`CREATE TABLE devices (
        hub INTEGER NOT NULL REFERENCES hubs (number),
        device_id TEXT NOT NULL, generation_id TEXT NOT NULL, etag TEXT NOT NULL,
        status TEXT NOT NULL, status_reason TEXT, status_updated_ms INTEGER,
        connection_updated_ms INTEGER, last_activity_ms INTEGER,
        authentication TEXT NOT NULL, iot_edge INTEGER NOT NULL, twin TEXT NOT NULL,
        PRIMARY KEY (hub, device_id)) STRICT, WITHOUT ROWID`);
      write.run('CREATE INDEX devices_by_status ON devices (hub, status)');
      write.run(`CREATE TABLE subscriptions (
        hub INTEGER NOT NULL, device_id TEXT NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL,
        PRIMARY KEY (hub, device_id, filter),
        FOREIGN KEY (hub, device_id) REFERENCES devices (hub, device_id) ON DELETE CASCADE) STRICT, WITHOUT ROWID`);
      write.run('INSERT INTO hubs VALUES (?, ?, ?)', 1, 'first', 'second');
      const twin = JSON.stringify(newTwin('2026-01-01T00:00:00.000Z'));
      const texts = ['enabled', null, null, null, 5, '{"type":"none"}', 0, twin] as const;
      write.run('INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', 1, 'old', '17', 'tag', ...texts);
      write.run('INSERT INTO subscriptions VALUES (?, ?, ?, ?)', 1, 'old', '$iothub/twin/res/#', 1);
    },
  };
  must(migrate(db, [first]));
  db.close();
}

describe('the hubs’ file', () => {
  it('of the first format is brought to this one with everything in it', () => {
    const file = join(folder, 'hubs.sqlite');
    writeFirstFormat(file);
    const database = must(openHubDatabase(file));
    expect(must(database.keys(1, () => ({ primaryKey: 'x', secondaryKey: 'x' })))).toEqual({
      primaryKey: 'first',
      secondaryKey: 'second',
    });
    const devices = database.devices(1);
    expect(must(devices.read((each) => each.get('old')))).toMatchObject({
      generationId: '17',
      lastActivityMs: 5,
      modelId: '',
    });
    expect(must(devices.read((each) => each.subscriptions('old')))).toEqual([{ filter: '$iothub/twin/res/#', qos: 1 }]);
    const message = {
      messageId: 'm',
      ack: 'none',
      enqueuedMs: 1,
      expiresMs: undefined,
      system: {},
      properties: {},
    } as const;
    const messages = database.cloudMessages(1);
    const sequence = must(messages.write((each) => ok(each.add('old', { ...message, payload: utf8('x') }))));
    expect(must(messages.read((each) => each.get('old', sequence)))).toMatchObject({ ...message, payload: utf8('x') });
    database.close();
  });
});
