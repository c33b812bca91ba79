/**
 * Keys sent to TPMs and not yet used (dps-wire 1.8). In memory: a challenge lost at a restart is asked for again.
 * Bounded in number and in time, because anybody who knows an endorsement key can ask for one.
 */
import type { Clock } from '../../lib/base/clock.ts';

export interface TpmChallenge {
  readonly key: Uint8Array;
  /** TPM2B_PUBLIC as the device sent it: some clients do not repeat it with the token. */
  readonly endorsementKey: Uint8Array;
  readonly storageRootKey: Uint8Array;
}

export interface TpmChallenges {
  add(registrationKey: string, challenge: TpmChallenge): void;
  /** Newest first. */
  of(registrationKey: string): readonly TpmChallenge[];
  readonly size: number;
}

// dps-wire 1.8 recommends 10 minutes and several at a time.
const lifeMs = 10 * 60_000;
const maxPerRegistration = 4;
// Some 700 bytes each: 7 MB at the most. A full line boots far fewer at once.
const maxRegistrations = 2_500;

export function createTpmChallenges(clock: Clock): TpmChallenges {
  // In order of the last challenge: the first is the one to go.
  const held = new Map<string, readonly { readonly challenge: TpmChallenge; readonly endsMs: number }[]>();
  const alive = (key: string) => (held.get(key) ?? []).filter((entry) => entry.endsMs > clock.monotonicMs());
  return {
    add(key, challenge) {
      const entries = [{ challenge, endsMs: clock.monotonicMs() + lifeMs }, ...alive(key)];
      held.delete(key);
      const [oldest] = held.keys();
      if (held.size >= maxRegistrations && oldest !== undefined) held.delete(oldest);
      held.set(key, entries.slice(0, maxPerRegistration));
    },
    of: (key) => alive(key).map((entry) => entry.challenge),
    get size() {
      return held.size;
    },
  };
}
