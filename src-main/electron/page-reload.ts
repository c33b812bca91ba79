/** A page that fell is loaded again, and one that keeps falling with growing pauses. */
import { backoffMs } from '../lib/base/backoff.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Random } from '../lib/base/random.ts';

export interface PageReload {
  /** The page has fallen. */
  fell(): void;
  /** The window is closing: nothing is loaded any more. */
  cancel(): void;
}

const pauses = { firstMs: 500, maxMs: 30_000 };
// A page that stood for a minute has recovered: its next fall starts the pauses anew.
const recoveredMs = 60_000;

export function createPageReload(
  parts: { readonly clock: Clock; readonly random: Random },
  load: () => void,
): PageReload {
  const { clock, random } = parts;
  let attempt = 0;
  let loadedMs = clock.monotonicMs();
  let cancel = (): void => undefined;
  return {
    fell() {
      cancel();
      attempt = clock.monotonicMs() - loadedMs > recoveredMs ? 1 : attempt + 1;
      cancel = clock.after(backoffMs(attempt, random.fraction(), pauses), () => {
        loadedMs = clock.monotonicMs();
        load();
      });
    },
    cancel: () => {
      cancel();
    },
  };
}
