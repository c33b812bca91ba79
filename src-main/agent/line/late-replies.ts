/** Replies that come late, twice, or after the next one. */
import type { Clock } from '../../lib/base/clock.ts';
import type { PlantedFaults } from '../planted-faults.ts';
import type { Chance } from './noise.ts';

/** A station repeats a question three times at most; more replies than this on their way are of nobody's asking. */
const maxOnTheWay = 64;

export interface LateReplies {
  /** Takes one whole reply; it goes on by `pass` when its time has come. */
  take(reply: Uint8Array, pass: (bytes: Uint8Array) => void): void;
}

export function createLateReplies(faults: PlantedFaults, clock: Clock, chance: Chance): LateReplies {
  const { duplicate, reorder, delayMs = 0 } = faults;
  let overtaken: Uint8Array | undefined;
  let onTheWay = 0;
  const send = (reply: Uint8Array, pass: (bytes: Uint8Array) => void): void => {
    if (delayMs === 0) {
      pass(reply);
      return;
    }
    if (onTheWay === maxOnTheWay) return;
    onTheWay += 1;
    clock.after(delayMs, () => {
      onTheWay -= 1;
      pass(reply);
    });
  };
  return {
    take(reply, pass) {
      if (reorder !== undefined && overtaken === undefined && chance() * reorder < 1) {
        overtaken = reply;
        return;
      }
      send(reply, pass);
      if (duplicate !== undefined && chance() * duplicate < 1) send(reply, pass);
      if (overtaken !== undefined) send(overtaken, pass);
      overtaken = undefined;
    },
  };
}
