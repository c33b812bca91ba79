/** The line between a station and a unit: two paced directions, bent as asked. */
import type { Clock } from '../../src-main/lib/base/clock.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { type Bends, type Bender, createBender } from './bends.ts';
import { type Lane, createLane } from './lane.ts';
import { createLatencyTimer } from './latency-timer.ts';

export interface ProxyOptions {
  readonly baudRate: number;
  /** Towards the station: bytes wait for this timer, or for 62 of them. FTDI's default is 16. Absent: no wait. */
  readonly latencyTimerMs?: number;
  readonly seed?: number;
  readonly toUnit?: Bends;
  readonly toStation?: Bends;
  /** What the station sends comes back to it as well. */
  readonly echo?: boolean;
  /** What a unit says on its console when it gets power or is reset. It is deaf to what comes within `deafMs`. */
  readonly boot?: { readonly noise: Uint8Array; readonly deafMs: number };
  /** A cut line: `silent` (default) lets nothing pass any more; `pull` ends the station's stream too. */
  readonly cut?: 'silent' | 'pull';
}

export interface ProxyCounts {
  /** Bytes that came from the station and from the unit. */
  readonly toUnit: number;
  readonly toStation: number;
  readonly cut: boolean;
}

export interface Proxy {
  counts(): ProxyCounts;
  /** Resolves when a direction reached its `cutAt`, or `cut` was called. */
  readonly cut: Promise<void>;
  cutNow(): void;
  /** The unit restarts: it says `boot.noise` and is deaf for a while. With `boot` it does so once at the start. */
  bootUnit(): void;
  /** Ends both streams. */
  close(): Promise<void>;
}

/** @param station the far end of what the station holds; @param unit the near end of what the unit holds */
export function openProxy(station: ByteStream, unit: ByteStream, options: ProxyOptions, clock: Clock): Proxy {
  const seed = options.seed ?? 1;
  const benders = {
    toUnit: createBender(options.toUnit ?? {}, seed),
    toStation: createBender(options.toStation ?? {}, seed + 1),
  };
  const { promise: cut, resolve: tellCut } = Promise.withResolvers<void>();
  let isCut = false;
  let deafUntilMs = 0;
  const { baudRate, latencyTimerMs } = options;
  const timer = latencyTimerMs === undefined ? undefined : createLatencyTimer(latencyTimerMs, clock.monotonicMs());
  const toStation: Lane = createLane({
    ...{ clock, baudRate, timer },
    deliver: (bytes, lateMs) => {
      toUnit.credit(lateMs);
      void station.write(bytes);
    },
  });
  const toUnit: Lane = createLane({
    ...{ clock, baudRate, timer: undefined },
    deliver: (bytes, lateMs) => {
      if (clock.monotonicMs() < deafUntilMs) return;
      toStation.credit(lateMs);
      void unit.write(bytes);
    },
  });
  const cutNow = (): void => {
    if (isCut) return;
    isCut = true;
    // What came before the cut is on its way; nothing follows it.
    toStation.whenIdle(() => {
      toUnit.whenIdle(() => {
        tellCut();
        if (options.cut === 'pull') void station.close();
      });
    });
  };
  const pass = (bender: Bender, lane: Lane, bytes: Uint8Array): void => {
    if (isCut) return;
    const bent = bender.bend(bytes);
    const before = bent.pause?.before ?? bent.bytes.length;
    lane.send(bent.bytes.subarray(0, before));
    lane.send(bent.bytes.subarray(before), bent.pause?.ms);
    if (bent.isCut) cutNow();
  };
  const bootUnit = (): void => {
    if (options.boot === undefined) return;
    deafUntilMs = clock.monotonicMs() + options.boot.deafMs;
    toStation.send(options.boot.noise);
  };
  station.onData((bytes) => {
    if (options.echo === true && !isCut) toStation.send(bytes);
    pass(benders.toUnit, toUnit, bytes);
  });
  unit.onData((bytes) => {
    pass(benders.toStation, toStation, bytes);
  });
  bootUnit();
  return {
    ...{ cut, cutNow, bootUnit },
    counts: () => ({ toUnit: benders.toUnit.count, toStation: benders.toStation.count, cut: isCut }),
    async close() {
      toStation.stop();
      toUnit.stop();
      await Promise.all([station.close(), unit.close()]);
    },
  };
}
