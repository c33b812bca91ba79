/**
 * Who was refused, and why, whichever wire it came by. A device repeats what is wrong for ever, and a flood is many of
 * them: each reason is said once for a source and an id until that id is right there, its repetitions in short lines of
 * their own, and no more lines than so many a second whoever asks. Each line has the tracking id that the answer has
 * (dps-wire 1.9): whoever stands before the device finds the line by it.
 */
import type { Clock } from '../../lib/base/clock.ts';
import type { Log, LogFields } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, type Result } from '../../lib/base/result.ts';
import type { DeviceClaim } from './claim.ts';
import { errorCodes, type CallLog, type RefusedCall } from './error-body.ts';
import type { ServiceFault } from './faults.ts';
import { createLineBudget, type LineBudget, type LineMeasure } from './line-budget.ts';
import { networkOf } from './network.ts';
import { keyOf } from './records.ts';
import type { RegistrationDesk } from './registration-desk.ts';

type Claimed = Pick<DeviceClaim, 'source' | 'registrationId'>;

export interface RefusalLog extends CallLog {
  /** The fault with the tracking id under which it is in the log. */
  refused(claim: Claimed, fault: ServiceFault): ServiceFault;
  right(claim: Claimed): void;
}

// Some 600 bytes each: 6 MB at the most. What is forgotten is said again.
const maxTold = 10_000;
// A line of a hundred units that are all wrong is told of whole; a flood of invented ids writes 2 MB an hour, and its
// repetitions as much. Failures of ours have their own: no flood hides them.
const measure: LineMeasure = { burst: 200, perSecond: 2 };
// dps-wire 0.1; what is longer is refused for its length.
const maxIdLength = 128;

export interface RefusalLogParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function createRefusalLog({ clock, random, log }: RefusalLogParts): RefusalLog {
  const budgets = {
    first: createLineBudget(clock, measure),
    again: createLineBudget(clock, measure),
    call: createLineBudget(clock, measure),
    failure: createLineBudget(clock, measure),
  };
  const told = createTold();
  const failure = (facts: LogFields): void => {
    within(budgets.failure, facts, (all) => {
      log.error('call-failed', all);
    });
  };
  return {
    refused(claim, fault) {
      const { code, say, detail } = fault;
      const trackingId = random.uuid();
      const registrationId = claim.registrationId.slice(0, maxIdLength);
      const who = { registrationId, source: claim.source, trackingId, code };
      const why = typeof detail?.['why'] === 'string' ? { why: detail['why'] } : {};
      if (isOurs(errorCodes[code])) failure({ ...who, reason: say });
      else if (told.has(claim, fault)) {
        within(budgets.again, { ...who, ...why }, (all) => {
          log.info('device-refused-again', all);
        });
      } else {
        within(budgets.first, { ...who, reason: say, ...why }, (all) => {
          told.add(claim, fault);
          log.warn('device-refused', all);
        });
      }
      return { ...fault, detail: { ...detail, trackingId } };
    },
    right: (claim) => {
      told.forget(claim);
    },
    call(refused: RefusedCall) {
      const facts = { ...refused };
      if (isOurs(refused.errorCode)) failure(facts);
      else {
        within(budgets.call, facts, (all) => {
          log.info('call-refused', all);
        });
      }
    },
  };
}

function isOurs(errorCode: number): boolean {
  return errorCode >= 500_000;
}

function within(budget: LineBudget, facts: LogFields, write: (facts: LogFields) => void): void {
  const unsaid = budget.take();
  if (unsaid !== undefined) write(unsaid === 0 ? facts : { ...facts, unsaid });
}

/** By source and id: what was said of it. In order of the last news; the first is the one to go. */
function createTold() {
  const told = new Map<string, ReadonlySet<string>>();
  // A source that is throttled is so for every id it invents: once is enough.
  const keyBy = (claim: Claimed, { code }: ServiceFault): string =>
    code === 'throttled' ? networkOf(claim.source) : keyFor(claim);
  const newsIn = ({ code, detail }: ServiceFault): string => `${code} ${String(detail?.['why'])}`;
  return {
    has: (claim: Claimed, fault: ServiceFault) => told.get(keyBy(claim, fault))?.has(newsIn(fault)) === true,
    add(claim: Claimed, fault: ServiceFault): void {
      const key = keyBy(claim, fault);
      const before = told.get(key);
      const [oldest] = told.keys();
      if (before === undefined && told.size >= maxTold && oldest !== undefined) told.delete(oldest);
      told.delete(key);
      told.set(key, new Set([...(before ?? []), newsIn(fault)]));
    },
    forget(claim: Claimed): void {
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
    if (!result.ok) return failed(refusals.refused(claim, result.fault));
    // A TPM that has been challenged has proven nothing yet.
    if (!('is' in result.value && result.value.is === 'challenge')) refusals.right(claim);
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
