import { describe, expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { silentLog } from '../lib/base/log.ts';
import { must, ok } from '../lib/base/result.ts';
import type { RunRequest } from './bench/slot-run.ts';
import type { EndRecord, Intent } from './bench/ports.ts';
import type { StationCore } from './composition.ts';
import { endInterrupted, resume } from './recovery.ts';

function coreOf(open: readonly Intent[]) {
  const ended: EndRecord[] = [];
  const started: RunRequest[] = [];
  const run = { runId: 'run-1', unitId: 'unit-1', slot: 3, serialNumber: 'SN0003', batchId: 'batch-1', open };
  const core = {
    store: {
      forgetRecoveries: async () => ok(),
      interrupted: async () => ok([run]),
      autoRecoveries: async () => ok([run]),
      end: async (_runId: string, record: EndRecord) => {
        ended.push(record);
        return ok();
      },
      openedBatch: async () => ok({ batchId: 'batch-1' }),
    },
    bench: {
      start: async (request: RunRequest) => {
        started.push(request);
        return ok();
      },
    },
  } as unknown as Pick<StationCore, 'store' | 'bench'>;
  return { core, ended, started };
}

describe('a station that starts again', () => {
  it.each([
    [[], 'connect'],
    [[{ step: 'generate-key', requestId: 'a' }], 'prove'],
    [[{ step: 'write-certificates', requestId: 'b' }], 'write'],
    [[{ step: 'lock', requestId: 'd' }], 'verify'],
    [
      [
        { step: 'write-settings', requestId: 'c' },
        { step: 'generate-key', requestId: 'a' },
      ],
      'write',
    ],
  ] as const)('ends the open run in the phase of its last open act: %j is %s', async (open, phase) => {
    const { core, ended } = coreOf(open);
    must(await endInterrupted(core, manualClock()));
    expect(ended).toMatchObject([{ verdict: 'error', isCut: true, phase, fault: { code: 'station-restarted' } }]);
  });

  it('takes the unit up as the station, and says that nobody scanned it', async () => {
    const { core, started } = coreOf([]);
    const units = must(await endInterrupted(core, manualClock()));
    await resume(units, core, silentLog, new AbortController().signal);
    expect(started).toMatchObject([{ serialNumber: 'SN0003', slot: 3, operator: 'station', isResumed: true }]);
  });

  it('begins nothing any more once it is stopping', async () => {
    const { core, started } = coreOf([]);
    const units = must(await endInterrupted(core, manualClock()));
    await resume(units, core, silentLog, AbortSignal.abort());
    expect(started).toEqual([]);
  });
});
