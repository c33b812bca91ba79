/** The line to one unit, kept through a reset of the unit: found again within bounds, and what was asked is asked again. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Log } from '../../lib/base/log.ts';
import { type Result, failed } from '../../lib/base/result.ts';
import type { ByteStream } from '../../lib/base/stream.ts';

/** What a line needs of the protocol that is spoken over it. */
export interface UnitLink {
  connect(signal?: CancelSignal): Promise<Result<void>>;
  close(): Promise<void>;
}

export interface LineParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Opens the port anew: a unit with a USB port of its own takes it away while it resets. Absent: a lost line is lost. */
  reopen?(): Promise<Result<ByteStream>>;
}

/** How the protocol says that its unit went away. */
export interface LossCodes {
  /** The stream ended: a new one is needed. */
  readonly ended: string;
  /** The unit is not heard any more, or the line is damaged. */
  readonly unheard: readonly string[];
}

export interface UnitLine<Link> {
  connect(signal: CancelSignal): Promise<Result<void>>;
  /**
   * Does the work on the link. When the unit went away meanwhile, it is found again and the work begins anew: it must be
   * such that a repeat does nothing twice (requests keep their ids, LINK-6.5).
   */
  use<T>(work: (link: Link) => Promise<Result<T>>): Promise<Result<T>>;
  close(): Promise<void>;
}

/** A unit that resets again and again is not booting: it is broken, or its power is. */
const maxResets = 3;
/** A boot loader that checks its image keeps a USB port away for some three seconds; a longer wait would hide a pulled cable. */
const reopenLimitMs = 4_000;
const reopenEveryMs = 250;

export function createUnitLine<Link extends UnitLink>(
  stream: ByteStream,
  open: (stream: ByteStream) => Link,
  options: { readonly parts: LineParts; readonly lost: LossCodes },
): UnitLine<Link> {
  const { parts, lost } = options;
  const closing = new AbortController();
  let link = open(stream);
  let resets = 0;
  const isLoss = ({ code }: Fault): boolean => code === lost.ended || lost.unheard.includes(code);

  const reopened = async (): Promise<boolean> => {
    const { clock } = parts;
    if (parts.reopen === undefined) return false;
    await link.close();
    const untilMs = clock.monotonicMs() + reopenLimitMs;
    while (clock.monotonicMs() < untilMs) {
      const again = await parts.reopen();
      if (closing.signal.aborted) {
        if (again.ok) await again.value.close();
        return false;
      }
      if (again.ok) {
        link = open(again.value);
        return true;
      }
      await sleep(clock, reopenEveryMs, closing.signal);
    }
    return false;
  };
  /** Whether the unit is there again. */
  const found = async (loss: Fault): Promise<boolean> => {
    if (closing.signal.aborted || resets >= maxResets) return false;
    resets += 1;
    parts.log.warn('unit-went-away', { code: loss.code, resets });
    if (loss.code === lost.ended && !(await reopened())) return false;
    let connected = await link.connect(closing.signal);
    // The port may go away once more while the board starts: its boot loader has one of its own.
    if (!connected.ok && connected.fault.code === lost.ended && (await reopened())) {
      connected = await link.connect(closing.signal);
    }
    if (connected.ok) parts.log.info('unit-found-again', { resets });
    return connected.ok;
  };
  const use = async <T>(work: (link: Link) => Promise<Result<T>>): Promise<Result<T>> => {
    for (;;) {
      const done = await work(link);
      if (done.ok || !isLoss(done.fault)) return done;
      if (!(await found(done.fault))) return failed(done.fault);
    }
  };
  return {
    // Opening the port resets some boards, which then take their own USB port away.
    connect: async (signal) => {
      const connected = await link.connect(signal);
      if (connected.ok || connected.fault.code !== lost.ended || signal.aborted) return connected;
      return (await reopened()) ? link.connect(signal) : connected;
    },
    use,
    close: async () => {
      closing.abort();
      await link.close();
    },
  };
}
