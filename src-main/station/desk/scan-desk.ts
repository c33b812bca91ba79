/** Does what a scan says: starts a unit, aims at a slot, names the operator, carries a command out. */
import type { ScanCommand, ScanRules, ScanTaken } from '../../contract/scan.ts';
import type { SlotView } from '../../contract/views.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { unreachable } from '../../lib/base/result.ts';
import type { Bench } from '../bench/bench.ts';
import { scanFault } from '../scan/faults.ts';
import { type ScanReader, createScanReader, defaultScanRules } from '../scan/scan-reader.ts';
import { createScanRouter } from '../scan/scan-router.ts';
import type { DeskStation, DeskStore } from './ports.ts';

export interface ScanDeskParts {
  readonly bench: Bench;
  readonly store: DeskStore;
  readonly station: DeskStation;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Starts the run of a unit by its serial number, as `bench.scan` does. */
  start(serialNumber: string, slot: number | undefined): Promise<Result<SlotView>>;
}

export interface ScanDesk {
  take(text: string, inHand: number | undefined): Promise<Result<ScanTaken>>;
  rules(): Promise<Result<ScanRules>>;
  setRules(rules: ScanRules): Promise<Result<ScanRules>>;
}

export function createScanDesk(parts: ScanDeskParts): ScanDesk {
  const { store, station } = parts;
  const router = createScanRouter(parts.clock);
  let reader: ScanReader | undefined;
  const currentReader = async (): Promise<Result<ScanReader>> => {
    if (reader !== undefined) return ok(reader);
    const kept = await store.scanRules();
    if (!kept.ok) return kept;
    // Rules that an older or newer station kept and this one cannot read must not take the scanner away.
    const made = createScanReader(kept.value ?? defaultScanRules);
    const usable = made.ok ? made : createScanReader(defaultScanRules);
    if (usable.ok) reader = usable.value;
    return usable;
  };
  const taken = async (text: string, inHand: number | undefined): Promise<Result<ScanTaken>> => {
    const current = await currentReader();
    if (!current.ok) return current;
    const routed = router.take(text, inHand, current.value);
    if (!routed.ok) return routed;
    const scan = routed.value;
    switch (scan.kind) {
      case 'repeat':
        return ok({ kind: 'repeat' });
      case 'slot':
        return slotKnown(parts, scan.slot);
      case 'badge':
        return badge(parts, scan.operator);
      case 'command':
        return command(parts, scan.command, scan.at);
      case 'serial': {
        const started = await parts.start(scan.serialNumber, scan.at);
        if (!started.ok) return started;
        router.landed();
        return ok({ kind: 'serial', serialNumber: scan.serialNumber, slot: started.value });
      }
      default:
        return unreachable(scan);
    }
  };
  return Object.freeze({
    take: taken,
    rules: async () => {
      const current = await currentReader();
      return current.ok ? ok(current.value.rules) : current;
    },
    setRules: async (rules) => {
      const made = createScanReader(rules);
      if (!made.ok) return made;
      const saved = await store.saveSettings({ scanRules: rules }, station.view().operator);
      if (!saved.ok) return saved;
      reader = made.value;
      return ok(rules);
    },
  } satisfies ScanDesk);
}

/** The bench has sixteen slots, and shows as many as are used. */
function slotKnown({ station }: ScanDeskParts, slot: number): Result<ScanTaken> {
  const isKnown = slot <= station.view().slots;
  return isKnown ? ok({ kind: 'slot', slot }) : failed(scanFault('scan-slot-unknown', { scanned: `Slot ${slot}` }));
}

async function badge({ store, station }: ScanDeskParts, operator: string): Promise<Result<ScanTaken>> {
  const saved = await store.saveSettings({ operator }, operator);
  if (!saved.ok) return saved;
  await station.refresh();
  return ok({ kind: 'badge', operator });
}

async function command(parts: ScanDeskParts, name: ScanCommand, at: number | undefined): Promise<Result<ScanTaken>> {
  const slots = parts.bench.slots();
  switch (name) {
    case 'confirm':
    case 'cancel': {
      const slot = slots.find((view) => view.slot === at);
      return ok({ kind: 'command', command: name, isDone: false, ...(slot === undefined ? {} : { slot }) });
    }
    case 'abort': {
      const meant = meantSlot(slots.filter(isWorking), at, name);
      if (!meant.ok) return meant;
      const ended = parts.bench.abort(meant.value.slot);
      return ended.ok ? ok({ kind: 'command', command: name, isDone: true, slot: ended.value }) : ended;
    }
    case 'retry': {
      const meant = meantSlot(slots.filter(hasFailed), at, name);
      if (!meant.ok) return meant;
      const started = await parts.start(meant.value.run?.serialNumber ?? '', meant.value.slot);
      return started.ok ? ok({ kind: 'command', command: name, isDone: true, slot: started.value }) : started;
    }
    default:
      return unreachable(name);
  }
}

const isWorking = (view: SlotView): boolean => view.run?.state === 'working';
const hasFailed = (view: SlotView): boolean => view.run?.state === 'fail' || view.run?.state === 'error';

/** The slot in hand, or the only one that the command can be for. */
function meantSlot(possible: readonly SlotView[], at: number | undefined, name: 'abort' | 'retry'): Result<SlotView> {
  const [only, ...others] = at === undefined ? possible : possible.filter((view) => view.slot === at);
  if (only === undefined) {
    return failed(scanFault(name === 'abort' ? 'scan-nothing-to-stop' : 'scan-nothing-to-retry'));
  }
  return others.length === 0 ? ok(only) : failed(scanFault('scan-slot-wanted', { command: name }));
}
