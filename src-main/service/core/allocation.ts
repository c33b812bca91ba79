/** Picks a hub (dps-wire 8.2). A pure function: the same question always has the same answer. */
import { hash } from 'node:crypto';
import type { AllocationDefault, Enrollment, LinkedHub } from './records.ts';

export interface AllocationQuestion {
  readonly serviceDefault: AllocationDefault;
  readonly hubs: readonly LinkedHub[];
  readonly enrollment: Pick<Enrollment, 'allocationPolicy' | 'iotHubs' | 'iotHubHostName'>;
  readonly registrationKey: string;
  /** What the device sent along, for a policy that asks others; those here do not look at it. */
  readonly payload?: unknown;
}

/** The host name of a linked hub, or undefined when none may be chosen. */
export function allocate(question: AllocationQuestion): string | undefined {
  const { enrollment, hubs } = question;
  const pinned = enrollment.iotHubHostName;
  if (pinned !== undefined) return hubs.find((hub) => hub.hostName === pinned)?.hostName;
  const policy = enrollment.allocationPolicy ?? question.serviceDefault;
  if (policy === 'static') {
    // Exactly one hub is named in the entry; others would be ignored at random.
    const [named, ...more] = enrollment.iotHubs;
    return more.length === 0 ? hubs.find((hub) => hub.hostName === named)?.hostName : undefined;
  }
  const wanted = new Set(enrollment.iotHubs);
  const candidates = hubs.filter((hub) => hub.applyAllocationPolicy && (wanted.size === 0 || wanted.has(hub.hostName)));
  return heaviest(candidates, question.registrationKey);
}

/**
 * Weighted rendezvous hashing: every hub draws a number from (device, hub), scaled by its weight, and the highest wins.
 * Adding a hub moves only the devices it wins; removing one moves only its own.
 */
function heaviest(hubs: readonly LinkedHub[], registrationKey: string): string | undefined {
  let best: { readonly hostName: string; readonly score: number } | undefined;
  for (const hub of hubs) {
    const score = -hub.allocationWeight / Math.log(drawOf(registrationKey, hub.hostName));
    // Equal scores do not happen by chance; the name decides so that the order of the list never does.
    const isBetter = best === undefined || score > best.score || (score === best.score && hub.hostName < best.hostName);
    if (isBetter) best = { hostName: hub.hostName, score };
  }
  return best?.hostName;
}

/** Uniform in (0, 1): 48 bits of a hash. */
function drawOf(registrationKey: string, hostName: string): number {
  const digest = hash('sha256', `${registrationKey}\n${hostName}`, 'buffer');
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
