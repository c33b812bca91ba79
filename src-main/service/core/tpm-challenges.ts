/**
 * Keys sent to TPMs and not yet used (dps-wire 1.8). Anybody who knows an endorsement key can ask for one, so none is
 * kept: each is made out of a secret of the service, the minute, and the two keys that were shown, and is made again
 * when a token comes. Whoever asks, and however often, takes nothing away from the TPM itself; only it can open what is
 * sent. A restart loses none.
 *
 * What is kept is the storage root key, for clients that do not repeat it with their token: by who asked, so that a
 * stranger elsewhere does not push it out, and for as long as it can be answered.
 */
import { hash } from 'node:crypto';
import { concatBytes, equalBytes, uint32, utf8 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { networkOf } from '../../lib/base/network.ts';
import { hmacSha256 } from '../../lib/dps/sas.ts';

export interface TpmChallenge {
  readonly key: Uint8Array;
  /** TPM2B_PUBLIC as the device sent it. */
  readonly endorsementKey: Uint8Array;
  readonly storageRootKey: Uint8Array;
  /** When it was made, since 1970. */
  readonly minute: number;
}

export interface TpmAsker {
  readonly registrationKey: string;
  /** The remote address. */
  readonly source: string;
  readonly endorsementKey: Uint8Array;
}

export interface TpmChallenges {
  issue(asker: TpmAsker, storageRootKey: Uint8Array): TpmChallenge;
  /** That its storage root key need not be repeated. The caller has read that key, and so bounded it. */
  keep(asker: TpmAsker, issued: TpmChallenge): void;
  /**
   * Those that may be answered now, newest first, each made when it is looked at; without a storage root key, those of
   * the ones that were kept.
   */
  of(asker: TpmAsker, storageRootKey: Uint8Array | undefined): Iterable<TpmChallenge>;
  /** Those of the hour before: whoever answers one has the TPM, and is late. */
  late(asker: TpmAsker, storageRootKey: Uint8Array): Iterable<TpmChallenge>;
  /** How many storage root keys are kept. */
  readonly size: number;
}

const minuteMs = 60_000;
// dps-wire 1.8 recommends 10 minutes; a challenge of the end of its minute has as long.
const lifeMinutes = 10;
const lateMinutes = 60;
// One device with its retries, and what else stands behind its address.
const maxPerSource = 4;
// A token is tried against all of these: some 0.3 ms.
const maxPerRegistration = 64;
// Some 700 bytes each, and 1.4 kB at the most (`maxTpmPublicBytes`): 14 MB in all. A full line boots far fewer at once.
const maxKept = 10_000;

interface Shown {
  readonly registrationKey: string;
  readonly network: string;
  readonly storageRootKey: Uint8Array;
  readonly minute: number;
}

export function createTpmChallenges(parts: { readonly clock: Clock; readonly secret: Uint8Array }): TpmChallenges {
  const shown = createShown();
  const thisMinute = (): number => Math.floor(parts.clock.nowMs() / minuteMs);
  return {
    issue: (asker, storageRootKey) => maker(parts.secret, asker, storageRootKey)(thisMinute()),
    keep({ registrationKey, source }, { storageRootKey, minute }) {
      shown.keep({ registrationKey, network: networkOf(source), storageRootKey, minute }, thisMinute() - lifeMinutes);
    },
    of(asker, storageRootKey) {
      const minute = thisMinute();
      if (storageRootKey !== undefined) {
        return backwards(maker(parts.secret, asker, storageRootKey), minute, lifeMinutes + 1);
      }
      const alive = shown.of(asker.registrationKey).filter((one) => minute - one.minute <= lifeMinutes);
      return ofKept(parts.secret, asker, alive);
    },
    late: (asker, storageRootKey) =>
      backwards(maker(parts.secret, asker, storageRootKey), thisMinute() - lifeMinutes - 1, lateMinutes),
    get size() {
      return shown.size;
    },
  };
}

type Maker = (minute: number) => TpmChallenge;

/** Hashes what was shown once, however many minutes are tried. */
function maker(secret: Uint8Array, asker: TpmAsker, storageRootKey: Uint8Array): Maker {
  const { registrationKey, endorsementKey } = asker;
  const digest = hash('sha256', lengthMarked([utf8(registrationKey), endorsementKey, storageRootKey]), 'buffer');
  return (minute) => {
    const key = hmacSha256(secret, concatBytes(digest, utf8(String(minute))));
    return { key, endorsementKey, storageRootKey, minute };
  };
}

function* backwards(make: Maker, from: number, count: number): Iterable<TpmChallenge> {
  for (let ago = 0; ago < count; ago += 1) yield make(from - ago);
}

function* ofKept(secret: Uint8Array, asker: TpmAsker, kept: readonly Shown[]): Iterable<TpmChallenge> {
  for (const one of kept) yield maker(secret, asker, one.storageRootKey)(one.minute);
}

/** What was shown, newest first for each registration. */
function createShown() {
  // In order of the last challenge: the first is the one to go.
  const held = new Map<string, readonly Shown[]>();
  let size = 0;
  const put = (key: string, entries: readonly Shown[]): void => {
    size += entries.length - (held.get(key)?.length ?? 0);
    held.delete(key);
    if (entries.length > 0) held.set(key, entries);
  };
  return {
    /** Whatever is older than `oldestMinute` goes. */
    keep(one: Shown, oldestMinute: number): void {
      for (const [key, entries] of held) {
        if ((entries[0]?.minute ?? 0) >= oldestMinute) break;
        put(key, []);
      }
      const isWanted = (each: Shown): boolean => each.minute >= oldestMinute && !isSame(each, one);
      const before = (held.get(one.registrationKey) ?? []).filter(isWanted);
      const surplus = before.filter((each) => each.network === one.network).slice(maxPerSource - 1);
      const left = before.filter((each) => !surplus.includes(each));
      put(one.registrationKey, [one, ...left].slice(0, maxPerRegistration));
      for (const oldest of held.keys()) {
        if (size <= maxKept) break;
        put(oldest, []);
      }
    },
    of: (key: string): readonly Shown[] => held.get(key) ?? [],
    get size() {
      return size;
    },
  };
}

function isSame(one: Shown, other: Shown): boolean {
  return (
    one.network === other.network && one.minute === other.minute && equalBytes(one.storageRootKey, other.storageRootKey)
  );
}

/** No two lists of texts come to the same bytes. */
function lengthMarked(texts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...texts.flatMap((text) => [uint32(text.length), text]));
}
