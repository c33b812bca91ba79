import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src-main/lib/base/bytes.ts';
import { type ManualClock, manualClock } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import { serveLink } from '../../src-main/lib/link/index.ts';
import { type AdapterPort, type PortProfile, openPty, openSerialPort } from '../../src-main/lib/serial/index.ts';
import { createBindings } from '../../src-main/station/adapters/bindings.ts';
import { createDoctor } from '../../src-main/station/adapters/doctor.ts';
import { type ProxyOptions, openProxy } from '../serial-proxy/proxy.ts';
import { openPtyProxy } from '../serial-proxy/pty-proxy.ts';
import { testMemory, testDevice } from './link-device.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-doctor-'));
});
afterEach(() => rm(folder, { recursive: true }));

const adapter: AdapterPort = {
  path: '/dev/ttyUSB0',
  name: 'FT232R',
  usbPath: '1-2:1.0',
  vendorId: '0403',
  productId: '6001',
};
const boot = { noise: utf8('ets Jul 29 2019 12:21:46\r\nrst:0x1 (POWERON_RESET),boot:0x13\r\n'), deafMs: 1_500 };

interface Bench {
  /** Its port never opens. */
  readonly isHung?: boolean;
  /** How the line behaves when it is opened so. */
  readonly line: (profile: PortProfile, opening: number) => ProxyOptions;
  readonly adapter?: AdapterPort;
}

/** A slot whose unit is behind the proxy, on a clock that stands still: every opening is a line of its own. */
function doctorOver({ line, adapter: seen = adapter, isHung = false }: Bench) {
  const stop = new AbortController();
  const clock = manualClock();
  const events: unknown[] = [];
  const profiles: PortProfile[] = [];
  const bindings = createBindings({
    store: { saveSlots: async (_change, event) => (events.push(event), ok()) },
    kept: { slots: { 1: { address: 'usb:1-2:1.0' } } },
    ...{ given: [], givenCount: undefined, virtualSlots: 0 },
  });
  const catalog = { list: async () => [seen] };
  const lines = { bindings, catalog, stationBaudRate: undefined, virtualPath: () => undefined };
  const doctor = createDoctor({
    ...{ bindings, clock, log: silentLog, lines },
    bench: { occupy: (_slot, work) => work(stop.signal) },
    openLine: async (_slot, change) => {
      if (isHung) return new Promise(() => undefined);
      const { baudRate = 115_200, linesDown } = bindings.of(1);
      const held = linesDown === true ? { dtr: false, rts: false, hangUpOnClose: false } : { dtr: true, rts: true };
      const profile = { path: seen.path, baudRate, ...held, ...change };
      profiles.push(profile);
      const [station, unit] = [streamPair(), streamPair()];
      openProxy(station.far, unit.near, line(profile, profiles.length), clock);
      serveLink(unit.far, testDevice(), { clock, log: silentLog, memory: testMemory() });
      return ok(station.near);
    },
  });
  return { clock, doctor, events, profiles, stop };
}

/** Lets time go on until the doctor is done. */
async function seen<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  const state = { isDone: false };
  void work.finally(() => (state.isDone = true));
  for (let step = 0; step < 200_000 && !state.isDone; step += 1) await clock.advance(1);
  return work;
}

const codesOf = (view: { readonly findings: readonly { readonly code: string }[] }) =>
  view.findings.map(({ code }) => code);

describe('a check that is stopped', () => {
  it.each([
    ['while nothing answers', { line: () => ({ baudRate: 115_200, toUnit: { garble: true } }) }, 5_000],
    ['between two echoes', { line: () => ({ baudRate: 115_200, latencyTimerMs: 16 }) }, 60],
    ['while its port hangs', { line: () => ({ baudRate: 115_200 }), isHung: true }, 10],
  ] as const)('%s ends at once, and names nothing', async (_when, bench, afterMs) => {
    const { clock, doctor, stop, profiles } = doctorOver(bench);
    const checking = doctor.check(1);
    for (let ms = 0; ms < afterMs; ms += 1) await clock.advance(1);
    stop.abort();
    // The clock stands still: nothing is waited for any more.
    expect(await checking).toMatchObject({ ok: false, fault: { code: 'check-stopped' } });
    expect(profiles.length).toBeLessThanOrEqual(1);
  });
});

describe('the adapter doctor, over the paced line', () => {
  it('finds nothing on a sound line, and tells its round trips', async () => {
    const { clock, doctor } = doctorOver({ line: () => ({ baudRate: 115_200 }) });
    const view = must(await seen(clock, doctor.check(1)));
    expect(codesOf(view)).toEqual([]);
    expect(view.roundTrips?.count).toBe(12);
    expect(view.roundTrips?.medianMs).toBeLessThan(10);
  });

  it('recognises a latency timer of 16 ms by the beat of the answers, and no beat at 1 ms', async () => {
    const { clock, doctor, events } = doctorOver({ line: () => ({ baudRate: 115_200, latencyTimerMs: 16 }) });
    const view = must(await seen(clock, doctor.check(1)));
    expect(view.findings).toMatchObject([{ code: 'adapter-timer-slow', remedy: 'short-waits' }]);
    must(await seen(clock, doctor.remedy(1, 'short-waits', 'Ada')));
    expect(events).toMatchObject([{ kind: 'slot.adjusted', actor: 'Ada', body: { slot: 1, lowLatency: true } }]);
    const short = doctorOver({ line: () => ({ baudRate: 115_200, latencyTimerMs: 1 }) });
    expect(codesOf(must(await seen(short.clock, short.doctor.check(1))))).toEqual([]);
  });

  it('finds a line that echoes, with or without a unit behind it', async () => {
    const { clock, doctor } = doctorOver({ line: () => ({ baudRate: 115_200, echo: true }) });
    expect(codesOf(must(await seen(clock, doctor.check(1))))).toEqual(['line-echoes']);
    const alone = doctorOver({ line: () => ({ baudRate: 115_200, echo: true, toUnit: { garble: true } }) });
    expect(codesOf(must(await seen(alone.clock, alone.doctor.check(1))))).toEqual(['line-echoes']);
  });

  it('finds the speed of the unit among those of the adapter, and keeps it for the slot', async () => {
    const bench = doctorOver({
      line: ({ baudRate = 0 }) => {
        const garble = baudRate === 57_600 ? {} : { garble: true };
        return { baudRate, toUnit: garble, toStation: garble };
      },
    });
    const view = must(await seen(bench.clock, bench.doctor.check(1)));
    expect(view.findings).toMatchObject([{ code: 'baud-wrong', remedy: 'baud-57600' }]);
    const after = must(await seen(bench.clock, bench.doctor.remedy(1, 'baud-57600', 'Ada')));
    expect(after.findings).toEqual([]);
    expect(bench.profiles.at(-1)?.baudRate).toBe(57_600);
  });

  it('says that nothing answers, and that what comes is readable at no speed', async () => {
    const silent = doctorOver({ line: () => ({ baudRate: 115_200, toUnit: { cutAt: 0 } }) });
    expect(codesOf(must(await seen(silent.clock, silent.doctor.check(1))))).toEqual(['unit-silent']);
    const noise = Uint8Array.from({ length: 200 }, (_, at) => [0x00, 0xf8, 0x80, 0xfe][at % 4] ?? 0);
    const noisy = doctorOver({
      line: () => ({ baudRate: 115_200, boot: { noise, deafMs: 60_000 }, toUnit: { garble: true } }),
    });
    expect(codesOf(must(await seen(noisy.clock, noisy.doctor.check(1))))).toEqual(['baud-unknown']);
  });

  it('counts echoes that are lost on the way', async () => {
    const { clock, doctor } = doctorOver({
      line: () => ({ baudRate: 115_200, toStation: { corrupt: { at: [130, 170] } } }),
    });
    expect(codesOf(must(await seen(clock, doctor.check(1))))).toEqual(['line-lossy']);
  });
});

describe('the adapter doctor, over a port with modem lines', () => {
  it('recognises a board that restarts at the opening, and proves that held lines stop it', async () => {
    const bench = doctorOver({
      // Held lines help from the second opening on: the first one is still an edge.
      line: ({ dtr }, opening) => ({ baudRate: 115_200, ...(dtr === false && opening !== 2 ? {} : { boot }) }),
    });
    const view = must(await seen(bench.clock, bench.doctor.check(1)));
    expect(view.findings).toMatchObject([{ code: 'board-resets', remedy: 'hold-lines' }]);
    expect(bench.profiles.slice(1)).toMatchObject([
      { dtr: false, rts: false, hangUpOnClose: false },
      { dtr: false, rts: false, hangUpOnClose: false },
    ]);
    const after = must(await seen(bench.clock, bench.doctor.remedy(1, 'hold-lines', 'Ada')));
    expect(after.findings).toEqual([]);
    expect(bench.events).toMatchObject([{ body: { linesDown: true } }]);
  });

  it('proposes nothing where held lines do not help', async () => {
    const { clock, doctor } = doctorOver({ line: () => ({ baudRate: 115_200, boot }) });
    const view = must(await seen(clock, doctor.check(1)));
    expect(view.findings).toMatchObject([{ code: 'board-resets-anyway' }]);
    expect(view.findings[0]?.remedy).toBeUndefined();
  });

  it('believes the system about the latency timer, sets it where it may, and proves it by the next look', async () => {
    const latencyTimerFile = join(folder, 'latency_timer');
    await writeFile(latencyTimerFile, '16\n');
    const { clock, doctor } = doctorOver({
      line: () => ({ baudRate: 115_200 }),
      adapter: { ...adapter, productId: '9999', latencyTimerFile },
    });
    // Files are read in real time, which a clock that stands still lets go on between its steps.
    const settle = async <T>(work: Promise<T>): Promise<T> => {
      const state = { isDone: false };
      void work.finally(() => (state.isDone = true));
      while (!state.isDone) {
        await clock.advance(5);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return work;
    };
    const view = must(await settle(doctor.check(1)));
    expect(view.findings).toMatchObject([{ code: 'adapter-timer-slow', remedy: 'short-waits' }]);
    expect(must(await settle(doctor.remedy(1, 'short-waits', 'Ada'))).findings).toEqual([]);
    expect(await readFile(latencyTimerFile, 'utf8')).toBe('1');
  });

  it('refuses a remedy that is none', async () => {
    const { doctor } = doctorOver({ line: () => ({ baudRate: 115_200 }) });
    expect(await doctor.remedy(1, 'hammer', 'Ada')).toMatchObject({ fault: { code: 'remedy-unknown' } });
  });
});

describe('the adapter doctor, over pseudo-terminals in real time', () => {
  it('looks at a unit behind a paced line through serialport itself', async () => {
    const device = must(await openPty({}, systemClock));
    serveLink(device.stream, testDevice(), { clock: systemClock, log: silentLog, memory: testMemory() });
    const proxy = must(await openPtyProxy({ unitPath: device.path }, { baudRate: 115_200 }, systemClock));
    const bindings = createBindings({
      store: { saveSlots: async () => ok() },
      kept: { slots: { 1: { address: `serial:${proxy.path}` } } },
      ...{ given: [], givenCount: undefined, virtualSlots: 0 },
    });
    const lines = {
      bindings,
      catalog: { list: async () => [] },
      stationBaudRate: undefined,
      virtualPath: () => undefined,
    };
    const doctor = createDoctor({
      ...{ bindings, clock: systemClock, log: silentLog, lines },
      bench: { occupy: (_slot, work) => work(new AbortController().signal) },
      openLine: (_slot, change) =>
        openSerialPort({ path: proxy.path, ...change }, { clock: systemClock, log: silentLog }),
    });
    const view = must(await doctor.check(1));
    expect(view.roundTrips?.count).toBeGreaterThan(0);
    expect(codesOf(view)).not.toContain('unit-silent');
    await proxy.close();
    await device.close();
  });
});
