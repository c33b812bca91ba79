import { describe, expect, it } from 'vitest';
import { ok } from '../../lib/base/result.ts';
import type { RecoveryUnitView } from '../../contract/recovery-views.ts';
import type { RunRequest } from '../bench/slot-run.ts';
import { batchOf } from '../bench/test-bench.ts';
import { type RecoveryDeskParts, recoveryCalls } from './recovery-desk.ts';

const unit: RecoveryUnitView = {
  ...{ unitId: 'u1', runId: 'r1', serialNumber: 'SN1', slot: 3, batchId: 'b1', phase: 'write' },
  ...{ interruptedMs: 1, open: ['write-settings'], state: 'waiting' },
};

function deskOf(state: 'open' | 'closed' = 'open') {
  const started: RunRequest[] = [];
  const asked: string[] = [];
  const store = {
    listRecoveries: async () => ok([unit]),
    decideRecovery: async ({ unitId, to, reason, by }: Readonly<Record<string, string>>) => {
      asked.push(`${unitId} ${to} ${reason} ${by}`);
      return ok();
    },
    openedBatch: async (batchId: string) => ok({ ...batchOf(), batchId, state: batchId === 'b1' ? state : 'open' }),
  };
  const bench = {
    start: async (request: RunRequest) => {
      started.push(request);
      return ok({});
    },
  };
  const station = { view: () => ({ operator: 'Toni', batchId: 'b2' }) };
  // Only what these calls ask of them.
  const calls = recoveryCalls({ store, bench, station } as unknown as RecoveryDeskParts);
  return { calls, started, asked };
}

describe('the desk of interrupted units', () => {
  it('resumes a unit in the slot where it was, or in the one that a person says, as a scan would', async () => {
    const { calls, started } = deskOf();
    await calls['recovery.resume']({ unitId: 'u1' });
    await calls['recovery.resume']({ unitId: 'u1', slot: 5 });
    expect(started).toMatchObject([
      { serialNumber: 'SN1', slot: 3, operator: 'Toni', batch: { batchId: 'b1' } },
      { serialNumber: 'SN1', slot: 5 },
    ]);
    expect(started.some((request) => request.isResumed)).toBe(false);
  });

  it('goes on in the batch that is worked on where the unit’s own was closed', async () => {
    const { calls, started } = deskOf('closed');
    await calls['recovery.resume']({ unitId: 'u1' });
    expect(started).toMatchObject([{ batch: { batchId: 'b2' } }]);
  });

  it('knows only units that were interrupted', async () => {
    const { calls, started } = deskOf();
    expect(await calls['recovery.resume']({ unitId: 'other' })).toMatchObject({
      fault: { code: 'unit-not-interrupted' },
    });
    expect(started).toEqual([]);
  });

  it('sets a unit aside or scraps it in the name of who works here, and shows the list after it', async () => {
    const { calls, asked } = deskOf();
    expect(await calls['recovery.setAside']({ unitId: 'u1', reason: 'burnt' })).toEqual(ok({ units: [unit] }));
    expect(await calls['recovery.scrap']({ unitId: 'u1', reason: 'melted' })).toEqual(ok({ units: [unit] }));
    expect(asked).toEqual(['u1 set-aside burnt Toni', 'u1 scrapped melted Toni']);
  });
});
