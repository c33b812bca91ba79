import { expect, it } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { createClerk } from './clerk.ts';
import { requestKinds, requestStates } from './messages.ts';
import { packParcel } from './parcel.ts';
import type { LinkDevice } from './types.ts';

it('a request that could not be noted is forgotten, and the next one is taken', async () => {
  let saves = 0;
  const memory = {
    load: () => Promise.resolve(undefined),
    save: () => ((saves += 1) === 1 ? Promise.reject(new Error('disk full')) : Promise.resolve()),
  };
  const clerk = createClerk({} as LinkDevice, { clock: manualClock(), log: silentLog, memory });
  const data = packParcel(new Uint8Array([1, 2, 3]));
  const chunk = (first: number) => ({
    ...{ id: new Uint8Array(16).fill(first), kind: requestKinds.tpm },
    ...{ offset: 0, length: data.length, data },
  });
  await expect(clerk.take(chunk(1))).rejects.toThrow('disk full');
  expect(await clerk.ended(chunk(1).id)).toBeUndefined();
  const taken = { at: 'answer', members: { o: data.length, s: requestStates.running } };
  expect(await clerk.take(chunk(2))).toEqual(taken);
});
