/** A hub that is slow, throttled, refusing or down on purpose, so that what depends on it can be tried. */
import type { Clock } from '../lib/base/clock.ts';
import type { Outcome } from './device-changes.ts';
import { failed, ok } from '../lib/base/result.ts';
import { hubFault } from './hub-fault.ts';
import { member, textMember, type Json, type JsonObject } from './json.ts';

export type SwitchedFault =
  /** Everything is answered, that much later. */
  | { readonly is: 'slow'; readonly delayMs: number }
  /** 429 with `Retry-After`; over MQTT the server is unavailable. */
  | { readonly is: 'throttled'; readonly retryAfterS: number }
  /** As if every credential were wrong. */
  | { readonly is: 'refusing' }
  /** Connections end without a word. */
  | { readonly is: 'down' };

/** What a request or a connection meets. */
export type Strike = { readonly is: 'none' } | Exclude<SwitchedFault, { readonly is: 'slow' }>;

export interface FaultSwitch {
  /** For every request and every new connection; resolves later where the hub is slow. */
  strike(): Promise<Strike>;
  /** For a connection that has said nothing yet: true where the hub is down and it must end. */
  endsConnection(): boolean;
  /** Ends by itself after `forS`. */
  set(fault: SwitchedFault, forS: number): void;
  /** At once, also for what is being held back. */
  clear(): void;
  view(): JsonObject;
}

export interface FaultWish {
  readonly fault: SwitchedFault;
  readonly forS: number;
}

// A fault that is forgotten ends within a day, and one that nobody thought about within ten minutes.
const bounds = {
  delayMs: { least: 1, most: 60_000 },
  retryAfterS: { least: 1, most: 3_600 },
  forS: { least: 1, most: 86_400 },
} as const;
const usual = { delayMs: 2_000, retryAfterS: 5, forS: 600 } as const;
// Those that wait hold their connections; more than this are answered at once.
const maxWaiting = 1_000;

export function createFaultSwitch(clock: Clock, onDown: () => void): Readonly<FaultSwitch> {
  let now: { readonly fault: SwitchedFault; readonly endsAtMs: number } | undefined;
  let struck = 0;
  const waiting = new Set<() => void>();
  const current = (): SwitchedFault | undefined => {
    if (now !== undefined && now.endsAtMs <= clock.monotonicMs()) now = undefined;
    return now?.fault;
  };
  const delayed = (ms: number): Promise<Strike> =>
    new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        waiting.delete(wake);
        resolve({ is: 'none' });
      };
      const cancel = clock.after(ms, wake);
      waiting.add(wake);
    });
  return Object.freeze<FaultSwitch>({
    async strike() {
      const fault = current();
      if (fault === undefined) return { is: 'none' };
      struck += 1;
      if (fault.is !== 'slow') return fault;
      return waiting.size < maxWaiting ? delayed(fault.delayMs) : { is: 'none' };
    },
    endsConnection() {
      const isDown = current()?.is === 'down';
      if (isDown) struck += 1;
      return isDown;
    },
    set(fault, forS) {
      now = { fault, endsAtMs: clock.monotonicMs() + forS * 1000 };
      struck = 0;
      if (fault.is === 'down') onDown();
    },
    clear() {
      now = undefined;
      for (const wake of [...waiting]) wake();
    },
    view() {
      const fault = current();
      if (fault === undefined || now === undefined) return { is: 'none', struck };
      return { ...wireForm(fault), leftSeconds: Math.ceil((now.endsAtMs - clock.monotonicMs()) / 1000), struck };
    },
  });
}

function wireForm(fault: SwitchedFault): JsonObject {
  if (fault.is !== 'throttled') return { ...fault };
  return { is: fault.is, retryAfterSeconds: fault.retryAfterS };
}

/** `{is, delayMs?, retryAfterSeconds?, forSeconds?}`. */
export function faultWishOf(body: JsonObject | undefined): Outcome<FaultWish> {
  const delayMs = numberOf(body && member(body, 'delayMs'), usual.delayMs);
  const retryAfterS = numberOf(body && member(body, 'retryAfterSeconds'), usual.retryAfterS);
  const forS = numberOf(body && member(body, 'forSeconds'), usual.forS);
  return faultWish(body && textMember(body, 'is'), { delayMs, retryAfterS, forS });
}

/** `slow[:milliseconds]`, `throttled[:seconds]`, `refusing` or `down`, as it stands on a command line. */
export function faultWishOfText(text: string): Outcome<FaultWish> {
  const [is, amount, ...rest] = text.split(':');
  if (rest.length > 0) return wrong();
  const given = amount === undefined ? undefined : Number(amount);
  const numbers = { delayMs: given ?? usual.delayMs, retryAfterS: given ?? usual.retryAfterS, forS: usual.forS };
  return faultWish(is, numbers);
}

interface FaultNumbers {
  readonly delayMs: number;
  readonly retryAfterS: number;
  readonly forS: number;
}

function faultWish(is: string | undefined, { delayMs, retryAfterS, forS }: FaultNumbers): Outcome<FaultWish> {
  if (!within(forS, bounds.forS)) return wrong();
  switch (is) {
    case 'slow':
      return within(delayMs, bounds.delayMs) ? ok({ fault: { is, delayMs }, forS }) : wrong();
    case 'throttled':
      return within(retryAfterS, bounds.retryAfterS) ? ok({ fault: { is, retryAfterS }, forS }) : wrong();
    case 'refusing':
    case 'down':
      return ok({ fault: { is }, forS });
    default:
      return wrong();
  }
}

function numberOf(given: Json | undefined, otherwise: number): number {
  return given === undefined ? otherwise : typeof given === 'number' ? given : Number.NaN;
}

function within(value: number, { least, most }: { readonly least: number; readonly most: number }): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function wrong(): Outcome<never> {
  const reason = `a fault is slow (delayMs to ${bounds.delayMs.most}), throttled (retryAfterSeconds to ${bounds.retryAfterS.most}), refusing or down, for ${bounds.forS.most} seconds at the most`;
  return failed(hubFault('ArgumentInvalid', { reason }));
}
