import { describe, expect, it } from 'vitest';
import type { ScanRules } from '../../contract/scan.ts';
import type { SlotView } from '../../contract/views.ts';
import { manualClock } from '../../lib/base/clock.ts';
import { failed, ok } from '../../lib/base/result.ts';
import { benchFault } from '../bench/faults.ts';
import { defaultScanRules } from '../scan/scan-reader.ts';
import { type ScanDeskParts, createScanDesk } from './scan-desk.ts';

const view = (slot: number, state?: 'working' | 'fail' | 'pass'): SlotView => ({
  slot,
  port: { state: 'ready', name: 'p' },
  ...(state === undefined
    ? {}
    : { run: { runId: `r${slot}`, serialNumber: `SN-${slot}`, state, phases: [], startedMs: 1 } }),
});

function deskOf(slots: readonly SlotView[] = [view(1), view(2)], kept?: ScanRules) {
  const did: string[] = [];
  const clock = manualClock();
  const parts = {
    clock,
    bench: {
      slots: () => slots,
      abort: (slot: number) => {
        did.push(`abort ${slot}`);
        return ok(view(slot, 'working'));
      },
    },
    store: {
      scanRules: async () => ok(kept),
      saveSettings: async (change: object) => {
        did.push(`save ${JSON.stringify(change)}`);
        return ok();
      },
    },
    station: { view: () => ({ operator: 'Ada', slots: 2 }), refresh: async () => undefined },
    start: async (serialNumber: string, slot: number | undefined) => {
      did.push(`start ${serialNumber} in ${slot ?? 'any'}`);
      return serialNumber === 'SN-wrong' ? failed(benchFault('slot-none-ready')) : ok(view(slot ?? 1, 'working'));
    },
  } as unknown as ScanDeskParts;
  const desk = createScanDesk(parts);
  const take = async (text: string, slot?: number) => {
    const taken = await desk.take(text, slot);
    return taken.ok ? taken.value : taken.fault.code;
  };
  return { desk, did, take };
}

describe('what a scan does', () => {
  it('puts a unit into the slot scanned before it, and only that one', async () => {
    const { did, take } = deskOf();
    expect(await take('SLOT-2')).toEqual({ kind: 'slot', slot: 2 });
    expect(await take('SN-9')).toMatchObject({ kind: 'serial', serialNumber: 'SN-9', slot: { slot: 2 } });
    await take('SN-10');
    expect(did).toEqual(['start SN-9 in 2', 'start SN-10 in any']);
  });

  it('keeps the scanned slot when the label was refused', async () => {
    const { did, take } = deskOf();
    await take('SLOT-2');
    expect(await take('SN-wrong')).toBe('slot-none-ready');
    await take('SN-9');
    expect(did).toEqual(['start SN-wrong in 2', 'start SN-9 in 2']);
  });

  it('refuses a slot that this bench does not show', async () => {
    const { take } = deskOf(Array.from({ length: 16 }, (_, at) => view(at + 1)));
    expect(await take('SLOT-3')).toBe('scan-slot-unknown');
  });

  it('does nothing at a double read', async () => {
    const { did, take } = deskOf();
    await take('SN-9');
    expect(await take('SN-9')).toEqual({ kind: 'repeat' });
    expect(did).toHaveLength(1);
  });

  it('names the operator of a badge', async () => {
    const { did, take } = deskOf();
    expect(await take('OP-GRACE')).toEqual({ kind: 'badge', operator: 'GRACE' });
    expect(did).toEqual(['save {"operator":"GRACE"}']);
  });
});

describe('a command that was scanned', () => {
  it('stops the only run there is, or the one in hand', async () => {
    const one = deskOf([view(1, 'pass'), view(2, 'working')]);
    expect(await one.take('CMD-ABORT')).toMatchObject({ command: 'abort', isDone: true });
    const two = deskOf([view(1, 'working'), view(2, 'working')]);
    expect(await two.take('CMD-ABORT')).toBe('scan-slot-wanted');
    await two.take('SLOT-1');
    await two.take('CMD-ABORT');
    expect([...one.did, ...two.did]).toEqual(['abort 2', 'abort 1']);
  });

  it('tries the failed unit again', async () => {
    const { did, take } = deskOf([view(1, 'pass'), view(2, 'fail')]);
    expect(await take('CMD-RETRY')).toMatchObject({ command: 'retry', isDone: true });
    expect(did).toEqual(['start SN-2 in 2']);
  });

  it('says so where nothing can be stopped or tried again', async () => {
    expect(await deskOf().take('CMD-ABORT')).toBe('scan-nothing-to-stop');
    expect(await deskOf([view(1, 'pass')]).take('CMD-RETRY')).toBe('scan-nothing-to-retry');
    expect(await deskOf([view(1, 'pass')]).take('CMD-RETRY', 1)).toBe('scan-nothing-to-retry');
  });

  it('leaves confirm and cancel to the screen that asks', async () => {
    const { did, take } = deskOf();
    expect(await take('CMD-CONFIRM', 2)).toMatchObject({ command: 'confirm', isDone: false, slot: { slot: 2 } });
    expect(await take('CMD-CANCEL')).toEqual({ kind: 'command', command: 'cancel', isDone: false });
    expect(did).toEqual([]);
  });
});

describe('the rules of the scanner', () => {
  const house: ScanRules = { ...defaultScanRules, rules: [{ kind: 'slot', by: 'prefix', text: 'F' }] };

  it('are those of the settings, from the next scan on', async () => {
    const { desk, did, take } = deskOf();
    expect(await desk.rules()).toEqual(ok(defaultScanRules));
    expect(await desk.setRules(house)).toEqual(ok(house));
    expect(did).toEqual([`save ${JSON.stringify({ scanRules: house })}`]);
    expect(await take('F2')).toEqual({ kind: 'slot', slot: 2 });
  });

  it('are refused and not kept when they cannot be read', async () => {
    const { desk, did } = deskOf();
    const rules = [{ kind: 'slot', by: 'pattern', text: '(' } as const];
    expect(await desk.setRules({ ...house, rules })).toMatchObject({ ok: false });
    expect(did).toEqual([]);
  });

  it('do not take the scanner away when what was kept cannot be read', async () => {
    const { take } = deskOf(undefined, { ...house, rules: [{ kind: 'slot', by: 'pattern', text: '(' }] });
    expect(await take('SLOT-2')).toEqual({ kind: 'slot', slot: 2 });
  });
});
