/** What a fixture station tells of interrupted units and golden samples. */
import type { GoldenSampleView, RecoveryUnitView, UnitHistoryView } from '../../src-main/contract/recovery-views.ts';
import { nowMs } from './scenes.ts';

const unit = (at: number, more: Partial<RecoveryUnitView>): RecoveryUnitView => ({
  unitId: `u${at}`,
  runId: `r${at}`,
  serialNumber: `SN-2026-${(140 + at).toString().padStart(6, '0')}`,
  slot: at,
  batchId: 'b1',
  phase: 'write',
  interruptedMs: nowMs - at * 60_000,
  open: ['write-certificates'],
  state: 'waiting',
  ...more,
});

const fault = {
  code: 'unit-unconfirmed',
  say: 'The station could not go on with SN-2026-000142: the unit in the slot does not say that it is this one.',
  hint: 'Scan the unit again.',
};

export const interruptedUnits: readonly RecoveryUnitView[] = [
  unit(1, {}),
  unit(2, { phase: 'verify', open: ['write-certificates', 'write-settings'], fault }),
  unit(3, { state: 'asking', phase: 'prove', open: [] }),
  unit(4, {
    ...{ state: 'set-aside', reason: 'The board is burnt', decidedBy: 'Ada Okafor', decidedMs: nowMs - 30_000 },
    open: ['generate-key'],
  }),
];

export const goldenSamples: readonly GoldenSampleView[] = [
  {
    name: 'G-GOOD-1',
    serialNumber: 'GOLD-0001',
    expect: 'pass',
    addedMs: nowMs - 9e8,
    addedBy: 'Ada Okafor',
    lastRun: { verdict: 'pass', isAsExpected: true, atMs: nowMs - 60_000 },
  },
  { name: 'G-BAD-1', serialNumber: 'GOLD-0002', expect: 'fail', addedMs: nowMs - 9e8, addedBy: 'Ada Okafor' },
];

/** Failed, passed, superseded by rework, and passed again. */
export function historyOf(unitId: string): UnitHistoryView {
  const run = (number: number, more: Partial<UnitHistoryView['runs'][number]>): UnitHistoryView['runs'][number] => ({
    ...{ runId: `${unitId}-r${number}`, number, slot: 3, operator: 'Ada Okafor', phase: 'commit', verdict: 'pass' },
    ...{ startedMs: nowMs - 8e7 + number * 6e6, endedMs: nowMs - 8e7 + number * 6e6 + 9_400 },
    ...more,
  });
  const cut = {
    code: 'device-silent',
    say: 'The unit stopped answering.',
    hint: 'Check the cable, then run it again.',
  };
  return {
    unitId,
    serialNumber: 'SN-2026-000017',
    runs: [run(3, {}), run(2, { slot: 1 }), run(1, { phase: 'write', verdict: 'error', fault: cut })],
    superseded: [
      {
        ...{ reason: 'Field return, board exchanged', by: 'Ada Okafor', atMs: nowMs - 8e7 + 15e6 },
        ...{ passedMs: nowMs - 8e7 + 12e6, registrationId: 'sn-2026-000017', deviceId: 'SN-2026-000017' },
      },
    ],
  };
}
