/**
 * Who was refused, and why, whichever wire it came by. A device repeats what is wrong for ever, and a flood is many of
 * them: each reason is said once for a source and an id until that id is right there, and no more lines than so many a
 * second whoever asks.
 */
import type { Clock } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Result } from '../../lib/base/result.ts';
import { networkOf } from './attempt-limits.ts';
import type { DeviceClaim } from './claim.ts';
import type { ServiceFault } from './faults.ts';
import { keyOf } from './records.ts';
import type { RegistrationDesk } from './registration-desk.ts';

type Claimed = Pick<DeviceClaim, 'source' | 'registrationId'>;

export interface RefusalLog {
  refused(claim: Claimed, fault: ServiceFault): void;
  right(claim: Claimed): void;
}

// Some 400 bytes each: 4 MB at the most. What is forgotten is said again.
const maxTold = 10_000;
// A line of a hundred units that are all wrong is told of whole; a flood of invented ids writes 2 MB an hour.
const burst = 200;
const linesPerSecond = 2;
// dps-wire 0.1; what is longer is refused for its length.
const maxIdLength = 128;

export function createRefusalLog({ clock, log }: { readonly clock: Clock; readonly log: Log }): RefusalLog {
  // By source and id: the codes that were said. In order of the last news; the first is the one to go.
  const told = new Map<string, ReadonlySet<string>>();
  let spent = 0;
  let atMs = clock.monotonicMs();
  let unsaid = 0;
  const mayWrite = (): boolean => {
    const nowMs = clock.monotonicMs();
    spent = Math.max(0, spent - ((nowMs - atMs) / 1_000) * linesPerSecond);
    atMs = nowMs;
    if (spent + 1 > burst) return false;
    spent += 1;
    return true;
  };
  return {
    refused(claim, { code, say }) {
      // A source that is throttled is so for every id it invents: once is enough.
      const key = code === 'throttled' ? networkOf(claim.source) : keyFor(claim);
      const codes = told.get(key);
      if (codes?.has(code) === true) return;
      if (!mayWrite()) {
        unsaid += 1;
        return;
      }
      const [oldest] = told.keys();
      if (codes === undefined && told.size >= maxTold && oldest !== undefined) told.delete(oldest);
      told.delete(key);
      told.set(key, new Set([...(codes ?? []), code]));
      const registrationId = claim.registrationId.slice(0, maxIdLength);
      const facts = { registrationId, source: claim.source, code, reason: say };
      log.warn('device-refused', unsaid === 0 ? facts : { ...facts, unsaid });
      unsaid = 0;
    },
    right(claim) {
      told.delete(keyFor(claim));
      told.delete(networkOf(claim.source));
    },
  };
}

function keyFor({ source, registrationId }: Claimed): string {
  return `${networkOf(source)} ${keyOf(registrationId.slice(0, maxIdLength))}`;
}

/** The desk with its refusals told, for every wire at once. */
export function withRefusalLog(desk: RegistrationDesk, refusals: RefusalLog): RegistrationDesk {
  const telling = async <T extends object>(
    claim: DeviceClaim,
    answer: Promise<Result<T, ServiceFault>>,
  ): Promise<Result<T, ServiceFault>> => {
    const result = await answer;
    if (!result.ok) refusals.refused(claim, result.fault);
    // A TPM that has been challenged has proven nothing yet.
    else if (!('is' in result.value && result.value.is === 'challenge')) refusals.right(claim);
    return result;
  };
  return {
    ...desk,
    admit: (claim) => telling(claim, desk.admit(claim)),
    register: (claim) => telling(claim, desk.register(claim)),
    poll: (claim, operationId) => telling(claim, desk.poll(claim, operationId)),
    lookUp: (claim) => telling(claim, desk.lookUp(claim)),
  };
}
