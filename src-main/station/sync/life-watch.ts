/** Watches enrolled units until they are registered, and registered ones until they are seen at their hub. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { isTransient, retryAfterMs } from '../../lib/dps/faults.ts';
import type { AwaitedUnit, LifeSettlement, SyncStore, UnitLife } from '../batches/store-ports.ts';
import type { Budget } from './budget.ts';
import type { EnrollmentTarget, HubWatch } from './ports.ts';

export interface LifeWatchParts {
  readonly store: SyncStore;
  readonly target: EnrollmentTarget;
  readonly hubs: HubWatch;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface LifeWatch {
  stop(): Promise<void>;
}

// One page of looks; each is settled with the others in one commit.
const maxLooks = 10;
// How often we look whether a unit is due: a technician sees the next state within a second or two of it.
const idleMs = 1_000;
const troubleMs = 5_000;
// A unit is looked at after an eighth of the time it has waited already: often while it is on the bench, and every
// hour once it lies in a carton.
const waitShare = 1 / 8;
const minLookMs = 1_000;
const maxLookMs = 3_600_000;
// A hub's clock and the service's may differ by as much as a SAS token allows (dps-wire 1.7).
const clockDifferenceMs = 300_000;

export function startLifeWatch(parts: LifeWatchParts): LifeWatch {
  const stopping = new AbortController();
  const running = watch(parts, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function watch(parts: LifeWatchParts, signal: CancelSignal): Promise<void> {
  const { clock, log } = parts;
  while (!signal.aborted) {
    try {
      const { settlements, trouble } = await round(parts, signal);
      if (trouble !== undefined) {
        log.warn('life-watch-held', { code: trouble.code });
        await sleep(clock, Math.max(troubleMs, retryAfterMs(trouble) ?? 0), signal);
      } else if (settlements.length < maxLooks) {
        await sleep(clock, idleMs, signal);
      }
    } catch (error) {
      // A bug must not end the watch for good: it is told, and the next round begins anew.
      log.error('life-watch-broke', { reason: error instanceof Error ? error.message : 'unknown' });
      await sleep(clock, troubleMs, signal);
    }
  }
}

async function round(parts: LifeWatchParts, signal: CancelSignal): Promise<Looked> {
  const { store } = parts;
  const due = await store.lifeDue(maxLooks);
  if (!due.ok) return { settlements: [], trouble: due.fault };
  const looked = await lookAt(parts, due.value, signal);
  if (looked.settlements.length === 0) return looked;
  const settled = await store.lifeSettle(looked.settlements);
  return settled.ok ? looked : { settlements: [], trouble: settled.fault };
}

interface Looked {
  readonly settlements: readonly LifeSettlement[];
  readonly trouble?: Fault;
}

async function lookAt(parts: LifeWatchParts, due: readonly AwaitedUnit[], signal: CancelSignal): Promise<Looked> {
  const settlements: LifeSettlement[] = [];
  for (const unit of due) {
    // What the outbox has to send goes first.
    if (signal.aborted || !parts.budget.spendSpare(1)) break;
    const life =
      unit.state === 'enrolled' ? await registrationOf(parts, unit, signal) : await presenceOf(parts, unit, signal);
    if (!life.ok && isTransient(life.fault)) return { settlements, trouble: life.fault };
    // Any other refusal concerns this unit, or asks for a person: the others are looked at meanwhile.
    const told = life.ok ? life.value : { unitId: unit.unitId, at: 'waiting' as const };
    settlements.push({ ...told, nextLookMs: nextLookMs(parts, unit, told) });
  }
  return { settlements };
}

async function registrationOf(
  parts: LifeWatchParts,
  unit: AwaitedUnit,
  signal: CancelSignal,
): Promise<Result<UnitLife>> {
  const { unitId, registrationId } = unit;
  const assigned = await parts.target.assigned(registrationId, signal);
  if (!assigned.ok) return assigned;
  if (assigned.value === undefined) return ok({ unitId, at: 'waiting' });
  const { hub, deviceId, atMs = parts.clock.nowMs() } = assigned.value;
  const { registeredAfterMs } = unit;
  // Both by the service's own clock.
  if (registeredAfterMs !== undefined && atMs <= registeredAfterMs) return ok({ unitId, at: 'waiting' });
  return ok({ unitId, at: 'registered', hub, deviceId, atMs });
}

/** Seen: connected now, or active since it was assigned. */
async function presenceOf(parts: LifeWatchParts, unit: AwaitedUnit, signal: CancelSignal): Promise<Result<UnitLife>> {
  const { unitId, hub, deviceId, sinceMs } = unit;
  const waiting = ok<UnitLife>({ unitId, at: 'waiting' });
  if (hub === undefined || deviceId === undefined) return waiting;
  const presence = await parts.hubs.presence(hub, deviceId, signal);
  if (!presence.ok) return presence;
  const { isConnected = false, lastActivityMs } = presence.value ?? {};
  const wasActive = lastActivityMs !== undefined && lastActivityMs >= sinceMs - clockDifferenceMs;
  if (!isConnected && !wasActive) return waiting;
  const nowMs = parts.clock.nowMs();
  return ok({ unitId, at: 'seen', atMs: wasActive ? Math.min(lastActivityMs, nowMs) : nowMs });
}

function nextLookMs({ clock, random }: LifeWatchParts, unit: AwaitedUnit, life: UnitLife): number {
  const nowMs = clock.nowMs();
  if (life.at === 'registered') return nowMs;
  const waitedMs = Math.max(0, nowMs - unit.sinceMs);
  const plannedMs = Math.min(Math.max(waitedMs * waitShare, minLookMs), maxLookMs);
  // Units of one batch were enrolled together; they must not all fall due together for ever.
  return nowMs + plannedMs * (0.75 + random.fraction() / 2);
}
