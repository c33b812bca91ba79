import { expect, it } from 'vitest';
import { runsOf } from './shared-commits.ts';
import type { OperationName, ToWorker } from './worker-protocol.ts';

const ask = (name: OperationName, id: number): ToWorker => ({ kind: 'ask', id, name, input: [], nowMs: 0 });

it('short asks that stand beside each other share a commit; what takes longer goes alone, and all in their order', () => {
  const messages = [ask('intend', 1), ask('claim', 2), ask('verifyPage', 3), ask('pass', 4), ask('listUnits', 5)];
  const runs = runsOf([...messages, { kind: 'close' }]);
  const ids = runs.map((run) => (run.kind === 'asks' ? run.asks.map(({ id }) => id) : 'close'));
  expect(ids).toEqual([[1, 2], [3], [4], [5], 'close']);
});
