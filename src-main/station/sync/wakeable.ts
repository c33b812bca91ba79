/** A wait that can be cut short, also by a wake that came just before it began. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';

export interface Wakeable {
  wake(): void;
  wait(ms: number, signal: CancelSignal): Promise<void>;
}

export function createWakeable(clock: Clock): Wakeable {
  let isWoken = false;
  let end: (() => void) | undefined;
  return {
    wake() {
      isWoken = true;
      end?.();
    },
    wait(ms, signal) {
      return new Promise((resolve) => {
        const finish = (): void => {
          cancel();
          signal.removeEventListener('abort', finish);
          end = undefined;
          isWoken = false;
          resolve();
        };
        const cancel = clock.after(ms, finish);
        signal.addEventListener('abort', finish);
        end = finish;
        if (isWoken || signal.aborted) finish();
      });
    },
  };
}
