/** The few things a station remembers of itself. */
import { ScanRules } from '../../contract/scan.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { parseJson } from '../../lib/base/json.ts';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { StoreContext } from './context.ts';
import { appendEvent } from './events.ts';
import { optional } from './rows.ts';

export interface StationSettings {
  /** Made at the first start, kept for ever. */
  readonly stationId: string;
  readonly operator?: string;
  readonly selectedBatchId?: string;
  /** The wall clock when the station last wrote it down: an earlier time now means a clock that was set back. */
  readonly lastSeenMs?: number;
}

export interface SettingsChange {
  readonly operator?: string;
  readonly lastSeenMs?: number;
  readonly scanRules?: ScanRules;
}

/** `operatorSinceMs`: when the operator took over, for `batches/shift.ts`. */
type SettingKey = keyof StationSettings | 'scanRules' | 'operatorSinceMs';

export function keepSetting(db: WriteDb, key: SettingKey, value: string): void {
  db.run(
    'INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
    key,
    value,
  );
}

export function settingsIn(db: ReadDb): StationSettings {
  const kept = new Map(
    db.all<{ key: string; value: string }>('SELECT key, value FROM settings').map(({ key, value }) => [key, value]),
  );
  const lastSeen = kept.get('lastSeenMs');
  return {
    stationId: kept.get('stationId') ?? '',
    ...optional('operator', kept.get('operator')),
    ...optional('selectedBatchId', kept.get('selectedBatchId')),
    ...(lastSeen === undefined ? {} : { lastSeenMs: Number(lastSeen) }),
  };
}

/** When who works here now took over. */
export function operatorSinceMs(db: ReadDb): number | undefined {
  const kept = db.get<{ value: string }>(`SELECT value FROM settings WHERE key = 'operatorSinceMs'`);
  return kept === undefined ? undefined : Number(kept.value);
}

/** At open: a new file gets its station id. */
export function nameStation(context: StoreContext): Result<void> {
  return context.write((db) => {
    if (settingsIn(db).stationId !== '') return ok();
    // Short enough for a label and a report; 48 bits keep the stations of a hall apart.
    const stationId = `station-${context.random.uuid().replaceAll('-', '').slice(0, 12)}`;
    keepSetting(db, 'stationId', stationId);
    appendEvent(db, context.nowMs(), { kind: 'station.created', actor: 'station', body: { stationId } });
    return ok();
  });
}

export function settings(context: StoreContext): Result<StationSettings> {
  return context.db.read(settingsIn);
}

export function scanRules(context: StoreContext): Result<ScanRules | undefined> {
  return context.db.read((db) => {
    const kept = db.get<{ value: string }>("SELECT value FROM settings WHERE key = 'scanRules'")?.value;
    const parsed = kept === undefined ? undefined : ScanRules.safeParse(parseJson(kept)?.value);
    return parsed?.data;
  });
}

export function saveSettings(context: StoreContext, change: SettingsChange, by: string): Result<StationSettings> {
  return context.write((db) => {
    const { operator, lastSeenMs, scanRules: rules } = change;
    if (operator !== undefined && operator !== settingsIn(db).operator) {
      keepSetting(db, 'operator', operator);
      keepSetting(db, 'operatorSinceMs', String(context.nowMs()));
      appendEvent(db, context.nowMs(), { kind: 'operator.set', actor: by, body: { operator } });
    }
    if (rules !== undefined) {
      const text = JSON.stringify(rules);
      keepSetting(db, 'scanRules', text);
      appendEvent(db, context.nowMs(), { kind: 'scan-rules.set', actor: by, body: { rules: text } });
    }
    if (lastSeenMs !== undefined) keepSetting(db, 'lastSeenMs', String(Math.round(lastSeenMs)));
    return ok(settingsIn(db));
  });
}
