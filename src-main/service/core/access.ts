/** Who may use the service API: shared access policies and their signatures (dps-wire 7.1). */
import type { AttemptLimits } from '../../lib/base/attempt-limits.ts';
import { fromBase64, toBase64, utf8 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import {
  hmacSha256,
  parseSasToken,
  resourceCovers,
  sasSkewS,
  verifySasToken,
  type SasToken,
} from '../../lib/dps/sas.ts';
import { serviceFault, type ServiceFault } from './faults.ts';
import { accessRights, type AccessPolicy, type AccessRight, type ServiceIdentity } from './records.ts';

const ownerPolicyName = 'provisioningserviceowner';

/** A new service's scope (`0ne` and eight digits, dps-wire 13 item 16) and its one policy with every right. */
export function freshIdentity(random: Random): ServiceIdentity {
  const scope = Buffer.from(random.bytes(4)).toString('hex').toUpperCase();
  // As long as the real service's keys.
  const key = (): string => toBase64(random.bytes(32));
  return {
    idScope: `0ne${scope}`,
    policies: [{ name: ownerPolicyName, primaryKey: key(), secondaryKey: key(), rights: accessRights }],
  };
}

/**
 * What the keys sent to TPMs are made of; another start has the same. It comes from the owner's key, since whoever holds
 * that may enroll a TPM of their own anyway.
 */
export function challengeSecret(identity: ServiceIdentity): Uint8Array {
  const owner = identity.policies.find((policy) => policy.name === ownerPolicyName);
  const key = fromBase64(owner?.primaryKey ?? '');
  // Of an empty key anybody could make the challenges.
  if (key === undefined || key.length === 0) throw new Error(`the policy ${ownerPolicyName} has no key`);
  return hmacSha256(key, utf8('benchline: challenges of TPMs'));
}

export interface AccessRequest {
  readonly authorization: string | undefined;
  readonly right: AccessRight;
  /** The names the caller reached us by: the token's resource must start with one of them. */
  readonly hosts: readonly string[];
  /** What is asked for: the token may be for a part of the API alone. */
  readonly path: string;
}

export interface AccessParts {
  readonly policies: readonly AccessPolicy[];
  readonly limits: AttemptLimits;
  readonly clock: Clock;
}

/** Wrong keys cost their source time: a policy's key opens every enrollment. Who has a right one is not held up by them. */
export function checkAccess(
  { policies, limits, clock }: AccessParts,
  request: AccessRequest & { /** The remote address. */ readonly source: string },
): Result<void, ServiceFault> {
  const token = parseSasToken(request.authorization ?? '');
  if (!token.ok) return refused;
  const attempt = limits.begin({ source: request.source, id: token.value.keyName });
  if (attempt.is === 'throttled') return failed(serviceFault('throttled', { retryAfterS: attempt.retryAfterS }));
  const access = judged(policies, { ...request, token: token.value }, clock);
  // A policy without the right has shown its key all the same.
  attempt.end(!access.ok && access.fault.code === 'unauthorized' ? 'wrong' : 'right');
  return access;
}

const refused = failed(serviceFault('unauthorized', { reason: 'Unauthorized' }));

function judged(
  policies: readonly AccessPolicy[],
  request: AccessRequest & { readonly token: SasToken },
  clock: Clock,
): Result<void, ServiceFault> {
  const { token } = request;
  const policy = policies.find((one) => one.name === token.keyName);
  // An unknown name takes as long as a wrong key.
  const keys = policy === undefined ? [new Uint8Array(32)] : keysOf(policy);
  const nowS = Math.floor(clock.nowMs() / 1_000);
  const verified = verifySasToken(token, { keys, nowS, skewS: sasSkewS });
  if (policy === undefined || !verified.ok || !resourceCovers(token.resource, request)) return refused;
  return policy.rights.includes(request.right) ? ok() : failed(serviceFault('not-allowed', { right: request.right }));
}

function keysOf(policy: AccessPolicy): readonly Uint8Array[] {
  return [policy.primaryKey, policy.secondaryKey].map((key) => fromBase64(key)).filter((key) => key !== undefined);
}
