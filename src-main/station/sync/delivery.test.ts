import { expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { ok } from '../../lib/base/result.ts';
import { individualEnrollment } from '../batches/enrollment.ts';
import { createBudget } from './budget.ts';
import { deliver } from './delivery.ts';
import type { EnrollmentTarget, Refusal } from './ports.ts';

const signal = new AbortController().signal;

async function delivered(refusals: readonly Refusal[], held: readonly string[]) {
  const asked: string[] = [];
  const bodyOf = (registrationId: string) =>
    individualEnrollment(
      { registrationId, deviceId: registrationId },
      { type: 'tpm', tpm: { endorsementKey: 'ATo=', storageRootKey: 'ATs=' } },
      {},
    );
  const target = {
    create: () => Promise.resolve(ok(refusals)),
    individual: (key: string) => {
      asked.push(key);
      return Promise.resolve(ok(held.includes(key) ? bodyOf(key) : undefined));
    },
  } as unknown as EnrollmentTarget;
  const entries = ['a', 'b', 'c'].map((key, entryId) => ({
    ...{ entryId, kind: 'individual' as const, act: 'create' as const, key, attempts: 1, createdMs: 0 },
    body: JSON.stringify(bodyOf(key)),
  }));
  const budget = createBudget(manualClock(), 60_000);
  const { deliveries } = await deliver(entries, { target, budget, signal });
  return { asked, states: [0, 1, 2].map((id) => deliveries.get(id)?.at) };
}

it('an error that names no entry marks none sent that the service does not hold', async () => {
  const refusals = [
    { registrationId: 'b', errorCode: 409_201, reason: 'held' },
    { registrationId: '', errorCode: 400_000, reason: 'no name' },
  ];
  expect(await delivered(refusals, ['a', 'b'])).toEqual({
    asked: ['a', 'b', 'c'],
    states: ['sent', 'sent', 'parked'],
  });
});

it('entries that no error can be about are sent without a look', async () => {
  const refusals = [{ registrationId: 'B', errorCode: 400_000, reason: 'bad' }];
  expect(await delivered(refusals, [])).toEqual({ asked: ['b'], states: ['sent', 'parked', 'sent'] });
});
