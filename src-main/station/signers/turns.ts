/**
 * Lets the event loop go round between two pieces of signing work: each takes some milliseconds of this thread, and
 * sixteen slots that come to it at once would stand in the way of every line.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { DeviceSigner } from '../bench/ports.ts';

/** Whoever comes gets a turn of its own; what is waited for inside one (a token) keeps nobody else. */
export function createTurns(): (signer: DeviceSigner) => DeviceSigner {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(() => turn());
    last = mine;
    await mine;
    return work();
  };
  return (signer) =>
    Object.freeze({
      chain: signer.chain,
      checkCsr: (csr, registrationId) => inTurn(() => signer.checkCsr(csr, registrationId)),
      issue: (csr, registrationId) => inTurn(() => signer.issue(csr, registrationId)),
      validate: (chain, registrationId) => inTurn(() => signer.validate(chain, registrationId)),
    } satisfies DeviceSigner);
}
