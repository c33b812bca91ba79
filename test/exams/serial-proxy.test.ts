import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { type ManualClock, manualClock } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import { openPty, openSerialPort } from '../../src-main/lib/serial/index.ts';
import { createBender, seeded } from '../serial-proxy/bends.ts';
import { type ProxyOptions, openProxy } from '../serial-proxy/proxy.ts';
import { openPtyProxy } from '../serial-proxy/pty-proxy.ts';
import { collect, within } from './stream-exam.ts';

const bytesOf = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, at) => (at * 7) & 255);

/** A line on a clock that stands still; `heard` is what each end got, and when. */
function line(options: ProxyOptions, clock: ManualClock = manualClock()) {
  const [stationSide, unitSide] = [streamPair(), streamPair()];
  const proxy = openProxy(stationSide.far, unitSide.near, options, clock);
  const [station, unit] = [stationSide.near, unitSide.far];
  const heard = { station: [] as [number, number][], unit: [] as [number, number][] };
  const all = { station: [] as number[], unit: [] as number[] };
  station.onData((bytes) => {
    heard.station.push([clock.monotonicMs(), bytes.length]);
    all.station.push(...bytes);
  });
  unit.onData((bytes) => {
    heard.unit.push([clock.monotonicMs(), bytes.length]);
    all.unit.push(...bytes);
  });
  return { clock, proxy, station, unit, heard, all };
}

describe('a paced line', () => {
  it('gives each byte ten bits of time, in both directions at once, and none earlier', async () => {
    const { clock, station, unit, heard, all } = line({ baudRate: 9_600 });
    await station.write(bytesOf(96));
    await unit.write(bytesOf(48));
    await clock.advance(49);
    expect(all.station.length).toBeLessThan(48);
    await clock.advance(2);
    expect(all.station).toEqual([...bytesOf(48)]);
    expect(all.unit.length).toBeLessThan(96);
    await clock.advance(50);
    expect(all.unit).toEqual([...bytesOf(96)]);
    expect(heard.unit.at(-1)?.[0]).toBeCloseTo(100, 1);
  });

  it('loses no time to late timers: a hundred exchanges take what the wire takes', async () => {
    const late = seeded(7);
    const manual = manualClock();
    // A loaded machine: every timer fires up to three milliseconds late.
    const clock: ManualClock = Object.assign(Object.create(manual) as ManualClock, {
      after: (ms: number, fire: () => void) => manual.after(ms + late() * 3, fire),
    });
    const { station, unit } = line({ baudRate: 115_200 }, clock);
    let [exchanges, got, asked, endMs] = [0, 0, 0, 0];
    unit.onData((bytes) => {
      asked += bytes.length;
      if (asked === 60) {
        asked = 0;
        void unit.write(bytesOf(60));
      }
    });
    station.onData((bytes) => {
      got += bytes.length;
      if (got < 60) return;
      [got, endMs] = [0, manual.monotonicMs()];
      exchanges += 1;
      if (exchanges < 100) void station.write(bytesOf(60));
    });
    await station.write(bytesOf(60));
    await manual.advance(2_000);
    expect(exchanges).toBe(100);
    const wireMs = (100 * 2 * 60 * 10_000) / 115_200;
    expect(endMs).toBeGreaterThanOrEqual(wireMs);
    expect(endMs - wireMs).toBeLessThan(3.1);
  });

  it('keeps bytes for the latency timer of the adapter, or until sixty-two are there', async () => {
    const { clock, unit, heard } = line({ baudRate: 921_600, latencyTimerMs: 16 });
    await clock.advance(1);
    await unit.write(bytesOf(10));
    await clock.advance(14);
    expect(heard.station).toEqual([]);
    await clock.advance(2);
    expect(heard.station).toEqual([[16, 10]]);
    await unit.write(bytesOf(100));
    await clock.advance(3);
    expect(heard.station.at(-1)?.[1]).toBe(62);
    await clock.advance(16);
    expect(heard.station.map(([, count]) => count)).toEqual([10, 62, 38]);
  });
});

describe('a bent line', () => {
  it.each(['toUnit', 'toStation'] as const)(
    'cut after n bytes %s lets exactly those pass, and nothing more either way',
    async (way) => {
      const { clock, proxy, station, unit, all } = line({ baudRate: 115_200, [way]: { cutAt: 17 } });
      await station.write(bytesOf(40));
      await unit.write(bytesOf(10));
      await clock.advance(10);
      await unit.write(bytesOf(40));
      await clock.advance(10);
      await station.write(bytesOf(40));
      await clock.advance(10);
      await within(proxy.cut, 'the cut');
      expect(proxy.counts().cut).toBe(true);
      expect(way === 'toUnit' ? all.unit.length : all.station.length).toBe(17);
      expect(way === 'toUnit' ? all.station.length : all.unit.length).toBe(way === 'toUnit' ? 0 : 40);
    },
  );

  it('pulled ends the stream of the station', async () => {
    const { clock, station } = line({ baudRate: 115_200, toUnit: { cutAt: 3 }, cut: 'pull' });
    const ended = new Promise((resolve) =>
      station.onClose((reason) => {
        resolve(reason?.code);
      }),
    );
    await station.write(bytesOf(5));
    await clock.advance(5);
    expect(await within(ended, 'the end')).toBe('stream-closed');
  });

  it('turns over, repeats and exchanges bytes where it is told, the same ones for the same seed', () => {
    const bend = (bends: Parameters<typeof createBender>[0], seed = 3) => [
      ...createBender(bends, seed).bend(bytesOf(400)).bytes,
    ];
    const clean = [...bytesOf(400)];
    expect(bend({ reorder: { at: [2] } }).slice(0, 5)).toEqual([0, 7, 21, 14, 28]);
    expect(bend({ duplicate: { at: [1] } }).slice(0, 4)).toEqual([0, 7, 7, 14]);
    const corrupt = bend({ corrupt: { at: [5] } });
    expect(corrupt.filter((byte, at) => byte !== clean[at])).toHaveLength(1);
    expect(bend({ corrupt: { oneIn: 50 } })).toEqual(bend({ corrupt: { oneIn: 50 } }));
    expect(bend({ corrupt: { oneIn: 50 } }, 4)).not.toEqual(bend({ corrupt: { oneIn: 50 } }));
    expect(bend({ garble: true })).not.toEqual(clean);
  });

  it('pauses, echoes, and begins with the noise of a unit that is deaf while it starts', async () => {
    const noise = bytesOf(8);
    const bends = { toStation: { pause: { at: 4, ms: 200 } }, echo: true, boot: { noise, deafMs: 50 } };
    const { clock, station, unit, all } = line({ baudRate: 115_200, ...bends });
    await station.write(bytesOf(3));
    await clock.advance(20);
    expect(all.station).toEqual([...noise, ...bytesOf(3)]);
    expect(all.unit).toEqual([]);
    await clock.advance(60);
    await unit.write(bytesOf(8));
    await clock.advance(100);
    expect(all.station).toHaveLength(15);
    await clock.advance(200);
    expect(all.station).toHaveLength(19);
  });
});

describe('a line between pseudo-terminals', () => {
  it('is opened by its path, survives the station closing it, and carries both ways', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'benchline-proxy-'));
    const device = must(await openPty({}, systemClock));
    const places = { unitPath: device.path, linkPath: join(folder, 'line') };
    const proxy = must(await openPtyProxy(places, { baudRate: 921_600 }, systemClock));
    const atDevice = collect(device.stream);
    for (let opening = 1; opening <= 2; opening += 1) {
      const station = must(await openSerialPort({ path: proxy.path }, { clock: systemClock, log: silentLog }));
      const atStation = collect(station);
      must(await station.write(bytesOf(300)));
      expect((await atDevice.bytes(300 * opening)).length).toBe(300 * opening);
      must(await device.stream.write(bytesOf(300)));
      expect(await atStation.bytes(300)).toEqual(bytesOf(300));
      await station.close();
    }
    await proxy.close();
    await device.close();
    await rm(folder, { recursive: true });
  });

  it('runs as a program of its own, which says where it is and what passed', async () => {
    const device = must(await openPty({}, systemClock));
    const lines = [{ unit: device.path, options: { baudRate: 921_600 } }];
    const main = join(import.meta.dirname, '../serial-proxy/main.ts');
    const program = spawn(process.execPath, [main, JSON.stringify({ lines })], { stdio: ['pipe', 'pipe', 'inherit'] });
    const said = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
    const { ready } = JSON.parse(String((await within(said.next(), 'the paths')).value)) as { ready: string[] };
    const station = must(await openSerialPort({ path: ready[0] ?? '' }, { clock: systemClock, log: silentLog }));
    const atDevice = collect(device.stream);
    must(await station.write(bytesOf(50)));
    await atDevice.bytes(50);
    await station.close();
    program.stdin.end();
    const told = JSON.parse(String((await within(said.next(), 'the counts')).value)) as unknown;
    expect(told).toEqual({ counts: [{ toUnit: 50, toStation: 0, cut: false }] });
    await device.close();
  });
});
