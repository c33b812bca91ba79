/** The enrollment target over the service client of lib/dps: ours or Azure's. */
import { timeOf } from '../../lib/base/host.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import {
  type ServiceClient,
  type ServiceClientOptions,
  type ServiceClientParts,
  createServiceClient,
} from '../../lib/dps/service-client.ts';
import type { EnrollmentGroup as WireGroup, IndividualEnrollment as WireEnrollment } from '../../lib/dps/wire.ts';
import type { EnrollmentTarget, Refusal } from './ports.ts';

export interface TargetClient extends EnrollmentTarget {
  close(): void;
}

export function createTargetClient(
  options: ServiceClientOptions,
  parts: Omit<ServiceClientParts, 'onServerTime'>,
): TargetClient {
  const listeners = new Set<(offsetMs: number) => void>();
  const client = createServiceClient(options, {
    ...parts,
    onServerTime({ serverMs, ourMs, roundTripMs }) {
      // The header was written somewhere within the round trip, and tells whole seconds.
      const offsetMs = serverMs + roundTripMs / 2 - ourMs;
      for (const listener of listeners) listener(offsetMs);
    },
  });
  return {
    ...enrollmentsOf(client),
    async assigned(registrationId, signal) {
      const found = known(await client.getRegistration(registrationId, signal));
      if (!found.ok) return found;
      const { status, assignedHub, deviceId, lastUpdatedDateTimeUtc } = found.value ?? {};
      if (status !== 'assigned' || typeof assignedHub !== 'string') return ok(undefined);
      const atMs = timeOf(lastUpdatedDateTimeUtc ?? '');
      return ok({ hub: assignedHub, deviceId: deviceId ?? registrationId, ...(atMs === undefined ? {} : { atMs }) });
    },
    async probe(signal) {
      const page = await client.groups.query({ maxItems: 1, signal });
      return page.ok ? ok() : page;
    },
    onClockOffset(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () => {
      client.close();
    },
  };
}

function enrollmentsOf({
  enrollments,
  groups,
}: ServiceClient): Pick<EnrollmentTarget, 'create' | 'replace' | 'individual' | 'group' | 'putGroup'> {
  return {
    async create(bodies, signal) {
      // The wire's types are open (a service may add members); ours are closed, and say the same.
      const done = await enrollments.bulk(
        'create',
        bodies.map((body) => body as WireEnrollment),
        signal,
      );
      if (!done.ok) return done;
      const refusals = (done.value.errors ?? []).map(({ registrationId, errorCode, errorStatus }): Refusal => ({
        registrationId: registrationId ?? '',
        errorCode,
        // Cut: it comes from outside and goes onto a screen.
        reason: (errorStatus ?? 'without a reason').slice(0, 500),
      }));
      // A bulk that failed without saying for which entries: nothing it says may be taken for sent.
      const isSilent = !done.value.isSuccessful && refusals.length === 0;
      return ok(isSilent ? [{ registrationId: '', errorCode: 0, reason: 'without a reason' }] : refusals);
    },
    async replace(enrollment, signal) {
      // Whatever its version: what is held is of an identity that this station itself superseded (dps-wire 7.3).
      const put = await enrollments.put(enrollment as WireEnrollment, { ifMatch: '*', signal });
      return put.ok ? ok() : put;
    },
    individual: async (registrationId, signal) => known(await enrollments.get(registrationId, signal)),
    group: async (enrollmentGroupId, signal) => known(await groups.get(enrollmentGroupId, signal)),
    async putGroup(group, signal) {
      const put = await groups.put(group as WireGroup, { signal });
      return put.ok ? ok() : put;
    },
  };
}

function known<T>(found: Result<T>): Result<T | undefined> {
  if (found.ok) return found;
  return found.fault.code === 'not-found' ? ok(undefined) : failed(found.fault);
}
