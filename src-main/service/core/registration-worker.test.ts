import { expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/host.ts';
import { silentLog } from '../../lib/base/log.ts';
import { ok } from '../../lib/base/result.ts';
import type { HubRegistry, Store } from './ports.ts';
import type { Operation } from './records.ts';
import { createRegistrationWorker } from './registration-worker.ts';

const operation = (id: string, registrationKey = id): Operation => ({
  ...{ id, registrationKey, state: 'assigning', proof: { kind: 'tpm', attested: '', key: '' }, hubKeyBlob: undefined },
  ...{ plan: { is: 'refuse', errorCode: 1, errorMessage: 'no' }, groupId: undefined, payload: undefined },
  ...{ issuedChain: undefined, outcome: undefined, attempts: 0, isWritten: false, createdMs: 0 },
});

/** A store that counts the looks at it, and keeps no end before it is told to. */
function lab() {
  const clock = manualClock();
  const seen = { looks: 0, pending: [] as readonly Operation[] };
  const ends: string[] = [];
  const holds = new Map<string, () => void>();
  const store: Pick<Store, 'pendingOperations' | 'finishOperations' | 'purgeOperations'> = {
    async pendingOperations() {
      seen.looks += 1;
      return ok(seen.pending);
    },
    async finishOperations([finished]) {
      const id = finished?.id ?? '';
      if (id.startsWith('slow')) await new Promise<void>((resolve) => void holds.set(id, resolve));
      ends.push(id);
      return ok();
    },
    purgeOperations: async () => ok(0),
  };
  const parts = { clock, random: systemRandom, log: silentLog, hubs: {} as HubRegistry };
  const worker = createRegistrationWorker({ ...parts, store: store as Store });
  return { clock, seen, ends, worker, release: (id: string) => holds.get(id)?.() };
}

it('does not look again for what it has in hand', async () => {
  const { clock, seen, worker, ends, release } = lab();
  worker.take(operation('slow'));
  seen.pending = [operation('slow')];
  await clock.advance(500);
  const { looks } = seen;
  expect(looks).toBeGreaterThan(1);
  worker.take(operation('other'));
  await clock.advance(100);
  expect([seen.looks, ends]).toEqual([looks, ['other']]);
  release('slow');
  seen.pending = [];
  await worker.stop();
});

it('looks again soon for what had to wait behind what it has in hand', async () => {
  const { clock, seen, worker, ends, release } = lab();
  worker.take(operation('slow', 'dev'));
  seen.pending = [operation('newer', 'dev')];
  await clock.advance(500);
  const { looks } = seen;
  release('slow');
  await clock.advance(20);
  expect(seen.looks).toBe(looks + 1);
  expect(ends).toEqual(['slow', 'newer']);
  seen.pending = [];
  await worker.stop();
});
