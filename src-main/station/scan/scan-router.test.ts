import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { must } from '../../lib/base/result.ts';
import { createScanReader, defaultScanRules } from './scan-reader.ts';
import { createScanRouter } from './scan-router.ts';

const reader = must(createScanReader(defaultScanRules));

function routerOf() {
  const clock = manualClock();
  const router = createScanRouter(clock);
  const take = (text: string, inHand?: number) => {
    const taken = router.take(text, inHand, reader);
    return taken.ok ? taken.value : taken.fault.code;
  };
  return { clock, router, take };
}

describe('the scan router', () => {
  it('sends a serial number to the slot that was scanned before it', () => {
    const { take } = routerOf();
    expect(take('SLOT-12')).toEqual({ kind: 'slot', slot: 12, at: 12 });
    expect(take('SN-1')).toEqual({ kind: 'serial', serialNumber: 'SN-1', at: 12 });
  });

  it('lets the slot wait through a label that was refused, until its unit has landed', () => {
    const { take, router } = routerOf();
    take('SLOT-2');
    take('SN-wrong');
    expect(take('SN-right')).toMatchObject({ at: 2 });
    router.landed();
    expect(take('SN-next')).not.toHaveProperty('at');
  });

  it('forgets a slot that was scanned a minute ago', async () => {
    const { take, clock } = routerOf();
    take('SLOT-2');
    await clock.advance(60_000);
    expect(take('SN-1')).not.toHaveProperty('at');
  });

  it('lets the slot in hand be the one, whatever was scanned before', () => {
    const { take } = routerOf();
    take('SLOT-2');
    expect(take('CMD-ABORT', 5)).toEqual({ kind: 'command', command: 'abort', at: 5 });
  });

  it('takes the same code within the blanking time for a double read, for as long as the scanner repeats it', async () => {
    const { take, clock } = routerOf();
    expect(take('SN-1')).toMatchObject({ kind: 'serial' });
    for (let read = 0; read < 3; read += 1) {
      await clock.advance(999);
      expect(take('SN-1')).toEqual({ kind: 'repeat' });
    }
    await clock.advance(1_000);
    expect(take('SN-1')).toMatchObject({ kind: 'serial' });
  });

  it('takes another code at once', () => {
    const { take } = routerOf();
    take('SN-1');
    expect(take('SN-2')).toMatchObject({ serialNumber: 'SN-2' });
    expect(take('SN-1')).toMatchObject({ serialNumber: 'SN-1' });
  });

  it('takes a refused code that is read twice for one refusal', () => {
    const { take } = routerOf();
    expect(take('CMD-FORMAT')).toBe('scan-command-unknown');
    expect(take('CMD-FORMAT')).toEqual({ kind: 'repeat' });
  });
});
