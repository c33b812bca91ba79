import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import { openPty } from '../../src-main/lib/serial/index.ts';
import { createSysfsCatalog } from '../../src-main/lib/serial/sysfs-catalog.ts';
import type { SerialNumber } from '../../src-main/station/batches/model.ts';
import { createBench } from '../../src-main/station/bench/bench.ts';
import type { BenchParts } from '../../src-main/station/bench/slot-run.ts';
import {
  batchOf,
  countingRandom,
  createScript,
  scriptedJournal,
  scriptedSigner,
} from '../../src-main/station/bench/test-bench.ts';
import { parseStationArgs } from '../../src-main/station/config.ts';
import { createDeviceProfiles } from '../../src-main/station/drivers/device-profiles.ts';
import { createSmpDriver } from '../../src-main/station/drivers/smp-driver.ts';
import { openStore } from '../../src-main/station/queue/store.ts';
import { composeSlots } from '../../src-main/station/slots.ts';
import { collect } from './stream-exam.ts';
import { type PluggedAdapter, type UsbTree, createUsbTree } from './usb-tree.ts';

const entryPath = join(import.meta.dirname, '../../src-main/lib/serial/port-host-main.ts');
const ftdi = { vendorId: '0403', productId: '6001', product: 'FT232R USB UART' };
const inFixture3: PluggedAdapter = { at: '1-2.3', ttys: ['ttyUSB0'], ...ftdi };
const inFixture4: PluggedAdapter = { at: '1-2.4', ttys: ['ttyUSB1'], ...ftdi };

let folder: string;
let tree: UsbTree;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-slots-'));
  tree = await createUsbTree();
});
afterEach(async () => {
  await tree.remove();
  await rm(folder, { recursive: true });
});

function benchOf(slots: BenchParts['slots'], clock = manualClock()) {
  const script = createScript();
  const bench = createBench({
    ...{ slots, journal: scriptedJournal(script), endorsement: { check: async () => ok() } },
    digest: { sha256: () => new Uint8Array(32) },
    ...{ clock, random: countingRandom(), log: silentLog },
    signerFor: () => scriptedSigner(script),
    target: () => ({ idScope: '0ne1', endpoint: 'localhost' }),
    onSlot: () => undefined,
  });
  return { bench, script };
}

/** The slots of a station over this USB tree, with the real store and real port hosts. */
async function slotsOf(...args: readonly string[]) {
  const store = must(openStore({ file: join(folder, 'station.db'), random: systemRandom, nowMs: () => 1 })).operations;
  const slots = must(
    await composeSlots({
      config: must(parseStationArgs(['--data', folder, ...args])),
      ...{ stationId: 'station-1', clock: systemClock, random: systemRandom, log: silentLog },
      catalog: createSysfsCatalog(tree.places),
      portHost: { execPath: process.execPath, entryPath },
      store: {
        keptSlots: async () => store.keptSlots(),
        saveSlots: async (change, event) => store.saveSlots(change, event),
      },
      profiles: createDeviceProfiles(),
      trustedRoots: () => [],
    }),
  );
  const { bench } = benchOf(slots.ports);
  const attended = slots.attend(bench, () => undefined);
  const port = (slot: number) => bench.slots().find((one) => one.slot === slot)?.port;
  return { ...slots, ...attended, bench, port, store };
}

describe('a slot', () => {
  it('learns its adapter by plugging, and keeps it across a restart with who bound it', async () => {
    await tree.plug(inFixture4);
    const first = await slotsOf();
    const learning = must(await first.desk.learn(3, 'Ada'));
    expect(learning.port.state).toBe('learning');
    await tree.plug(inFixture3);
    await first.presence.look();
    await first.presence.look();
    const adapter = { name: ftdi.product, usbPath: '1-2.3:1.0', vendorId: '0403', productId: '6001' };
    const bound = { state: 'ready', name: ftdi.product, address: 'usb:1-2.3:1.0', adapter };
    expect(first.port(3)).toEqual(bound);
    const second = await slotsOf();
    await second.presence.look();
    expect(second.port(3)).toEqual(bound);
    expect(must(second.store.chainHead()).seq).toBe(2);
    const listed = await second.desk.adapters();
    expect(listed.map(({ address, slot }) => [address, slot])).toEqual([
      ['usb:1-2.3:1.0', 3],
      ['usb:1-2.4:1.0', undefined],
    ]);
  });

  it('finds its unit again in the same fixture under another number, and never the neighbour who took the old one', async () => {
    const [unit, neighbour] = [must(await openPty({}, systemClock)), must(await openPty({}, systemClock))];
    const { presence, ports, port, bench } = await slotsOf('--slot', '3=usb:1-2.3:1.0');
    const speak = async (byte: number): Promise<void> => {
      const line = must(
        (await ports[2]?.openLine({}, new AbortController().signal)) ?? {
          ok: false,
          fault: { code: 'none', say: '', hint: '' },
        },
      );
      must(await line.write(Uint8Array.of(byte)));
      await line.close();
    };
    const heard = collect(unit.stream);
    await tree.plug(inFixture3, () => unit.path);
    await presence.look();
    expect(port(3)?.state).toBe('ready');
    await speak(1);
    expect(await heard.bytes(1)).toEqual(Uint8Array.of(1));
    await tree.pull(inFixture3);
    await presence.look();
    expect(port(3)).toEqual({ state: 'empty', name: '1-2.3:1.0', address: 'usb:1-2.3:1.0' });
    await tree.plug({ ...inFixture4, ttys: ['ttyUSB0'] }, () => neighbour.path);
    await presence.look();
    expect(port(3)?.state).toBe('empty');
    await tree.plug({ ...inFixture3, ttys: ['ttyUSB7'] }, () => unit.path);
    await presence.look();
    expect(port(3)?.state).toBe('ready');
    await speak(2);
    expect(await heard.bytes(2)).toEqual(Uint8Array.of(1, 2));
    await bench.close();
    await Promise.all(ports.map((one) => one.close()));
    await Promise.all([unit.close(), neighbour.close()]);
  });

  it('has a reason when its adapter is not there, when it is bound to nothing, and when it is bound twice', async () => {
    const { ports, desk } = await slotsOf('--slot', '3=usb:1-2.3:1.0');
    const open = async (at: number): Promise<string | undefined> => {
      const line = await ports[at]?.openLine({}, new AbortController().signal);
      return line === undefined || line.ok ? undefined : line.fault.code;
    };
    expect(await open(2)).toBe('port-not-plugged');
    expect(await open(3)).toBe('port-unbound');
    expect(await desk.bind(4, 'usb:1-2.3:1.0', 'Ada')).toMatchObject({ fault: { code: 'address-taken' } });
    expect(must(await desk.bind(4, 'tcp:10.0.0.5:4001', 'Ada')).port).toMatchObject({ state: 'ready' });
    expect(must(await desk.unbind(3, 'Ada')).port).toEqual({ state: 'empty', name: 'not bound' });
    expect(await open(2)).toBe('port-unbound');
  });

  it('that learns is told of another slot’s adapter, refuses several at once, and can be stopped', async () => {
    const { presence, desk, port } = await slotsOf('--slot', '4=usb:1-2.4:1.0');
    must(await desk.learn(3, 'Ada'));
    expect(await desk.learn(5, 'Ada')).toMatchObject({ fault: { code: 'learning-elsewhere' } });
    await tree.plug(inFixture4);
    await presence.look();
    expect(port(3)).toMatchObject({ state: 'learning', fault: { code: 'learning-bound' } });
    expect(port(4)?.state).toBe('ready');
    await tree.plug(inFixture3);
    await tree.plug({ ...inFixture3, at: '1-9', ttys: ['ttyUSB5'] });
    await presence.look();
    await presence.look();
    expect(port(3)).toMatchObject({ state: 'empty', fault: { code: 'learning-several' } });
    must(await desk.learn(3, 'Ada'));
    expect(port(3)).toEqual({ state: 'learning', name: 'not bound' });
    await desk.stopLearning();
    expect(port(3)).toEqual({ state: 'empty', name: 'not bound' });
  });

  it('whose adapter vanishes under a run is lost, and the run ends by its own time-outs when no stream says so', async () => {
    const clock = manualClock();
    // The far end stays there and says nothing, as a driver does that misses the unplugging.
    const line = streamPair();
    const driver = createSmpDriver(line.near, { clock, random: systemRandom, log: silentLog, trustedRoots: [] });
    const { bench, script } = benchOf([{ slot: 1, name: 'port', open: async () => ok(driver) }], clock);
    const port = { name: 'FT232R', address: 'usb:1-2.3:1.0' };
    bench.seen(1, { state: 'ready', ...port });
    must(await bench.start({ batch: batchOf(), serialNumber: 'SN1' as SerialNumber, operator: 'Ada', slot: 1 }));
    bench.seen(1, { state: 'empty', ...port });
    expect(bench.slots()[0]).toMatchObject({ port: { state: 'lost' }, run: { state: 'working' } });
    await clock.advance(600_000);
    expect(bench.slots()[0]).toMatchObject({
      port: { state: 'lost', fault: { code: 'adapter-lost' } },
      run: { state: 'error' },
    });
    expect(script.asked.some((call) => call.startsWith('end error'))).toBe(true);
  });
});
