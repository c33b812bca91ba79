/** Work that nobody waits for: what breaks in it is seen in the log, and ends what it was done for and nothing else. */
import type { Log } from './log.ts';

/** A bug is told by its name alone: its text may quote a key, a token or a request. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** `broken`: ends what the work was for, such as one connection; never called when the work ends well. */
export function inBackground(
  log: Log,
  event: string,
  work: () => Promise<unknown> | undefined,
  broken: () => void = () => undefined,
): void {
  const run = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log.error(event, { error: nameOf(error) });
      broken();
    }
  };
  // What `broken` throws must not come back as the rejection that this is here to prevent.
  run().catch((error: unknown) => {
    log.error(event, { error: nameOf(error) });
  });
}
