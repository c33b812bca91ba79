/**
 * Who was refused, and why, whichever wire it came by. A device repeats what is wrong for ever, and a flood is many of
 * them: each reason is said once for a source and an id until that id is right there, its repetitions in short lines of
 * their own, and no more lines than so many a second whoever asks. Each line has the tracking id that the answer has
 * (dps-wire 1.9): whoever stands before the device finds the line by it.
 */
import { maxIdLength, type Attempt } from '../../lib/base/attempt-limits.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { createLineBudget, within, type LineMeasure } from '../../lib/base/line-budget.ts';
import type { Log, LogFields } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, type Result } from '../../lib/base/result.ts';
import { createToldRefusals } from '../../lib/base/told-refusals.ts';
import type { DeviceClaim } from './claim.ts';
import { errorCodes, type CallLog, type RefusedCall } from './error-body.ts';
import type { ServiceFault } from './faults.ts';
import { keyOf } from './records.ts';
import type { RegistrationDesk } from './registration-desk.ts';

type Claimed = Pick<DeviceClaim, 'source' | 'registrationId'>;

export interface RefusalLog extends CallLog {
  /** The fault with the tracking id under which it is in the log. */
  refused(claim: Claimed, fault: ServiceFault): ServiceFault;
  right(claim: Claimed): void;
}

// A line of a hundred units that are all wrong is told of whole; a flood of invented ids writes 2 MB an hour, and its
// repetitions as much. Failures of ours have their own: no flood hides them.
const measure: LineMeasure = { burst: 200, perSecond: 2 };

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
  const told = createToldRefusals();
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
      else if (told.has(attemptOf(claim), code, newsIn(fault))) {
        within(budgets.again, { ...who, ...why }, (all) => {
          log.info('device-refused-again', all);
        });
      } else {
        within(budgets.first, { ...who, reason: say, ...why }, (all) => {
          told.add(attemptOf(claim), code, newsIn(fault));
          log.warn('device-refused', all);
        });
      }
      return { ...fault, detail: { ...detail, trackingId } };
    },
    right: (claim) => {
      told.forget(attemptOf(claim));
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

function attemptOf({ source, registrationId }: Claimed): Attempt {
  return { source, id: keyOf(registrationId) };
}

/** Another check that fails is said anew. */
function newsIn({ code, detail }: ServiceFault): string {
  return `${code} ${String(detail?.['why'])}`;
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
