/** Which units, outbox entries and rows of a service belong to a headless job; a data folder may hold more. */
import type { BatchView, OutboxEntryView, ServiceView, SlotView, UnitView } from '../contract/views.ts';

/** The job's own units: those of the bench, in the order of their slots. */
export function serialsOf(slots: readonly SlotView[]): readonly string[] {
  return slots.flatMap(({ virtualSerialNumber }) => (virtualSerialNumber === undefined ? [] : [virtualSerialNumber]));
}

/** What all of them begin with: by it the station finds them among the units of earlier jobs. */
export function commonStart(texts: readonly string[]): string {
  const [first = '', ...others] = texts;
  const differsAt = Array.from(first).findIndex((letter, at) => others.some((other) => other[at] !== letter));
  return differsAt === -1 ? first : first.slice(0, differsAt);
}

/** The parked entry that the unit waits for: its own enrollment, or that of its group. */
export function parkedFor(
  unit: UnitView,
  parked: readonly OutboxEntryView[],
  batches: readonly BatchView[],
): OutboxEntryView | undefined {
  if (unit.state !== 'passed') return undefined;
  const own = groupOf(unit.batchId, batches);
  const isGrouped = unit.attestation === 'x509' && own !== undefined;
  return parked.find((entry) =>
    isGrouped
      ? entry.kind === 'group' && groupOf(entry.batchId, batches) === own
      : entry.kind === 'individual' && entry.key === unit.registrationId,
  );
}

/** Batches of one signer that start their devices alike share one enrollment group. */
function groupOf(batchId: string, batches: readonly BatchView[]): string | undefined {
  const terms = batches.find((batch) => batch.batchId === batchId)?.terms;
  if (terms?.enrollmentKind !== 'group') return undefined;
  return `${terms.signerId ?? ''}\n${terms.initialTwin ?? ''}`;
}

/** Enrollments and registrations that stand more than once in the service's lists, and devices with more than one. */
export function repeated(service: ServiceView): number {
  const lists = [
    service.enrollments.map(({ kind, key }) => `${kind} ${key}`),
    service.registrations.map(({ registrationId }) => registrationId),
    service.registrations.flatMap(({ deviceId }) => (deviceId === undefined ? [] : [deviceId])),
  ];
  return lists.reduce((sum, list) => sum + list.length - new Set(list).size, 0);
}
