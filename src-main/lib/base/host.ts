/** The host's own clock and random source: the one place where a program gets them from. */
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

interface HostGlobals {
  readonly performance: { now(): number };
  readonly crypto: { getRandomValues(into: Uint8Array): unknown; randomUUID(): string };
  setTimeout(fire: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

// Node, Electron and Chromium all carry these; the pure rooms are compiled without any host's types.
const host = globalThis as unknown as HostGlobals;

// Timers beyond this fire at once in every host (a signed 32-bit count).
const maxTimerMs = 2_147_483_647;

// eslint-disable-next-line no-restricted-globals -- this is the clock
const wallMs = (): number => Date.now();

export const systemClock: Clock = {
  nowMs: wallMs,
  monotonicMs: () => host.performance.now(),
  after(ms, fire) {
    const timer = host.setTimeout(fire, Math.min(Math.max(0, ms), maxTimerMs));
    return () => {
      host.clearTimeout(timer);
    };
  },
};

// A draw costs the host some 5 microseconds however small it is, and one registration makes ten: small ones are cut from
// a block, and wiped from it as they go.
const blockBytes = 4_096;
const maxFromBlock = 256;

function blockOfRandom() {
  const block = new Uint8Array(blockBytes);
  let used = blockBytes;
  return (count: number): Uint8Array => {
    if (used + count > blockBytes) {
      host.crypto.getRandomValues(block);
      used = 0;
    }
    const bytes = block.slice(used, used + count);
    block.fill(0, used, used + count);
    used += count;
    return bytes;
  };
}

const fromBlock = blockOfRandom();

export const systemRandom: Random = {
  bytes(count) {
    if (count <= maxFromBlock) return fromBlock(count);
    const bytes = new Uint8Array(count);
    host.crypto.getRandomValues(bytes);
    return bytes;
  },
  uuid: () => host.crypto.randomUUID(),
  fraction: () => {
    const [word = 0] = new Uint32Array(systemRandom.bytes(4).buffer);
    return word / 2 ** 32;
  },
};

/** ISO 8601 in UTC with milliseconds. */
export function isoTime(ms: number): string {
  // eslint-disable-next-line no-restricted-globals -- formats a time that came from the clock
  return new Date(ms).toISOString();
}

/** Milliseconds of an ISO 8601 time or of an HTTP date (RFC 9110 section 5.6.7); undefined when it is neither. */
export function timeOf(text: string): number | undefined {
  // eslint-disable-next-line no-restricted-globals -- reads a time that somebody else wrote
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
