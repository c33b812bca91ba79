import { expect, it } from 'vitest';
import { ok } from '../../lib/base/result.ts';
import type { RegistrationId } from '../batches/model.ts';
import type { DeviceSigner } from '../bench/ports.ts';
import { createTurns } from './turns.ts';

const id = 'unit-1' as RegistrationId;
const csr = new Uint8Array(1);

it('sixteen that come at once each work in a turn of their own, in their order', async () => {
  const seen: string[] = [];
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  const issue: DeviceSigner['issue'] = async (request) => {
    seen.push(`${request[0] ?? 0} in ${turns}`);
    return ok(request);
  };
  const inTurns = createTurns();
  // Each run has its own signer; the turns are those of the station.
  const signers = Array.from({ length: 16 }, () => inTurns({ chain: [], issue } as unknown as DeviceSigner));
  setImmediate(count);
  await Promise.all(signers.map((signer, at) => signer.issue(Uint8Array.of(at), id)));
  isOver = true;
  expect(seen.map((line) => Number(line.split(' ')[0]))).toEqual(Array.from({ length: 16 }, (_, at) => at));
  expect(new Set(seen.map((line) => line.split(' in ')[1])).size).toBe(16);
});

it('a piece that waits for a token or breaks keeps nobody else', async () => {
  const inTurns = createTurns();
  const stuck = inTurns({ issue: () => new Promise(() => undefined) } as unknown as DeviceSigner);
  const broken = inTurns({ issue: () => Promise.reject(new Error('no token')) } as unknown as DeviceSigner);
  const whole = inTurns({ issue: async () => ok(csr) } as unknown as DeviceSigner);
  void stuck.issue(csr, id);
  await expect(broken.issue(csr, id)).rejects.toThrow('no token');
  expect(await whole.issue(csr, id)).toEqual(ok(csr));
});
