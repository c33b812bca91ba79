/** Wrong credentials cost their source time, on every wire of the device API at once. */
import type { AttemptEnd, AttemptLimits } from '../../lib/base/attempt-limits.ts';
import { failed, type Result } from '../../lib/base/result.ts';
import type { DeviceClaim } from './claim.ts';
import { serviceFault, type ServiceFault } from './faults.ts';
import { keyOf } from './records.ts';
import type { RegistrationDesk } from './registration-desk.ts';

/** The desk behind the limits, for every wire at once. */
export function withAttemptLimits(desk: RegistrationDesk, limits: AttemptLimits): RegistrationDesk {
  const limited = async <T extends object>(
    claim: DeviceClaim,
    work: () => Promise<Result<T, ServiceFault>>,
  ): Promise<Result<T, ServiceFault>> => {
    const attempt = limits.begin({ source: claim.source, id: keyOf(claim.registrationId) });
    if (attempt.is === 'throttled') return failed(serviceFault('throttled', { retryAfterS: attempt.retryAfterS }));
    let end: AttemptEnd = 'neither';
    try {
      const answer = await work();
      end = endOf(answer);
      return answer;
    } finally {
      attempt.end(end);
    }
  };
  return {
    ...desk,
    admit: (claim) => limited(claim, () => desk.admit(claim)),
    register: (claim) => limited(claim, () => desk.register(claim)),
    poll: (claim, operationId) => limited(claim, () => desk.poll(claim, operationId)),
    lookUp: (claim) => limited(claim, () => desk.lookUp(claim)),
  };
}

function endOf(answer: Result<object, ServiceFault>): AttemptEnd {
  if (!answer.ok) {
    // A proof that cannot be read was looked at like a wrong one: the fault says which check failed.
    const isWrong = answer.fault.code === 'unauthorized' || answer.fault.detail?.['why'] !== undefined;
    return isWrong ? 'wrong' : 'neither';
  }
  return 'is' in answer.value && answer.value.is === 'challenge' ? 'challenge' : 'right';
}
