/** Everything a screen may hear from the station without asking. Each event carries the whole new view. */
import { z } from 'zod';
import { BatchView, SlotView, StationView } from './views.ts';

export const events = {
  'station.changed': StationView,
  /** The shell says so: the station program ended, and what it would have told meanwhile is missed. */
  'station.lost': z.object({}),
  'slot.changed': SlotView,
  'batch.changed': BatchView,
  /** Rows changed: a screen that shows units or the outbox asks again for its page. */
  'rows.changed': z.object({ units: z.boolean(), outbox: z.boolean(), service: z.boolean() }),
} as const;

export type Events = typeof events;
export type EventName = keyof Events;
export type EventPayload<Name extends EventName> = z.output<Events[Name]>;

export const eventNames = Object.keys(events) as [EventName, ...EventName[]];
