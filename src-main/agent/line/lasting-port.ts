/** A port that is open for as long as the unit has power: waited for, opened again when it is lost, pulled on purpose. */
import { backoffMs } from '../../lib/base/backoff.ts';
import { sleep } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import type { PortChoice } from '../options.ts';
import { type OpenedPort, type PortParts, openPort } from '../port.ts';

// A service waits for its port as long as it takes: an adapter is plugged in within a second of being looked for, and
// looking costs one open every few seconds.
const retry = { firstMs: 250, maxMs: 3_000 };

export interface LastingPort {
  /** Resolves with what a station opens, when it is open for the first time. */
  readonly opened: Promise<string>;
  /** Pulls the cable; after so long it is back, at `next` where that is given. */
  unplug(awayMs: number, next?: PortChoice): void;
  close(): Promise<void>;
}

export interface LastingPortParts extends PortParts {
  readonly random: Random;
}

interface Pulled {
  readonly awayMs: number;
  readonly next: PortChoice;
}

/**
 * A serial port may come later: an adapter that is not plugged in yet, a gadget that is not set up, a right that is given
 * yet. What we make ourselves (a pseudo-terminal, a TCP port) is there at once or never.
 */
export async function keepPort(choice: PortChoice, parts: LastingPortParts): Promise<Result<LastingPort>> {
  const { log, clock } = parts;
  const stopping = new AbortController();
  const first = await openPort(choice, parts);
  if (!first.ok && choice.at !== 'serial') return first;
  let tell: (name: string) => void = () => undefined;
  const opened = new Promise<string>((resolve) => (tell = resolve));
  let pull: (pulled: Pulled | undefined) => void = () => undefined;
  let choiceNow = choice;

  /** Until it is lost, pulled, or not wanted any more. */
  const hold = async (port: OpenedPort): Promise<void> => {
    tell(port.name);
    log.info('port-open', { port: port.name });
    const pulled = new Promise<Pulled | undefined>((resolve) => (pull = resolve));
    if (stopping.signal.aborted) pull(undefined);
    // A free port number that was given once is the one to come back to.
    choiceNow = choiceNow.at === 'tcp' ? { ...choiceNow, port: portOf(port.name) } : choiceNow;
    const end = await Promise.race([port.lost.then((fault) => ({ fault })), pulled]);
    await port.close();
    if (end === undefined) return;
    if ('fault' in end) {
      log.warn('port-lost', { code: end.fault.code, say: end.fault.say });
      return;
    }
    log.info('port-pulled', { awayMs: end.awayMs });
    choiceNow = end.next;
    await sleep(clock, end.awayMs, stopping.signal);
  };
  const run = async (): Promise<void> => {
    if (first.ok) await hold(first.value);
    else tellOnce(parts, undefined, first.fault);
    let told = first.ok ? undefined : first.fault.code;
    for (let attempt = 1; !isAborted(stopping.signal); attempt += 1) {
      await sleep(clock, backoffMs(attempt, parts.random.fraction(), retry), stopping.signal);
      if (isAborted(stopping.signal)) return;
      const again = await openPort(choiceNow, parts);
      if (again.ok) {
        await hold(again.value);
        attempt = 0;
      } else tellOnce(parts, told, again.fault);
      told = again.ok ? undefined : again.fault.code;
    }
  };
  const running = run();
  return ok({
    opened,
    unplug: (awayMs, next) => {
      pull({ awayMs, next: next ?? choiceNow });
    },
    close: async () => {
      stopping.abort();
      pull(undefined);
      await running;
    },
  });
}

/** A service that waits for a week must not fill a journal: the same reason is told once. */
function tellOnce({ log }: LastingPortParts, told: string | undefined, fault: Fault): void {
  if (fault.code !== told) log.warn('port-waited-for', { code: fault.code, say: fault.say, hint: fault.hint });
}

function portOf(name: string): number {
  return Number(name.slice(name.lastIndexOf(':') + 1));
}

// A call, so that the compiler does not take the answer of an earlier look for this one.
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
