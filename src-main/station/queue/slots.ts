/** What each slot is bound to, and how its line is opened: kept beside the settings, told in the audit chain. */
import { z } from 'zod';
import { type Result, ok } from '../../lib/base/result.ts';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { StoreContext } from './context.ts';
import { type AuditEvent, appendEvent } from './events.ts';

const KeptSlot = z.object({
  address: z.string().optional(),
  baudRate: z.int().positive().optional(),
  /** DTR and RTS stay down, and are not touched at a close. */
  linesDown: z.literal(true).optional(),
  /** The driver is asked for short waits. */
  lowLatency: z.literal(true).optional(),
});
type KeptSlot = {
  readonly [Key in keyof z.output<typeof KeptSlot>]: Exclude<z.output<typeof KeptSlot>[Key], undefined>;
};

export interface KeptSlots {
  readonly slots: Readonly<Record<number, KeptSlot>>;
  /** How many the bench shows; absent until somebody chose. */
  readonly count?: number;
}

export interface SlotsChange {
  readonly slot?: { readonly number: number; readonly kept: KeptSlot };
  readonly count?: number;
}

const slotKey = /^slot\.(\d+)$/;

export function keptSlots(context: StoreContext): Result<KeptSlots> {
  return context.db.read(keptIn);
}

export function keptIn(db: ReadDb): KeptSlots {
  const rows = db.all<{ key: string; value: string }>("SELECT key, value FROM settings WHERE key LIKE 'slot%'");
  const slots = rows.flatMap(({ key, value }): [number, KeptSlot][] => {
    const number = slotKey.exec(key)?.[1];
    return number === undefined ? [] : [[Number(number), KeptSlot.parse(JSON.parse(value)) as KeptSlot]];
  });
  const count = rows.find(({ key }) => key === 'slotCount')?.value;
  return { slots: Object.fromEntries(slots), ...(count === undefined ? {} : { count: Number(count) }) };
}

/** Change and event in one transaction: nobody binds a slot without a trace. */
export function saveSlots(context: StoreContext, change: SlotsChange, event: AuditEvent): Result<void> {
  return context.write((db) => {
    if (change.slot !== undefined) keep(db, `slot.${String(change.slot.number)}`, JSON.stringify(change.slot.kept));
    if (change.count !== undefined) keep(db, 'slotCount', String(change.count));
    appendEvent(db, context.nowMs(), event);
    return ok();
  });
}

function keep(db: WriteDb, key: string, value: string): void {
  db.run(
    'INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
    ...[key, value],
  );
}
