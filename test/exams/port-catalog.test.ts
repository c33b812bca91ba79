import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createListedCatalog } from '../../src-main/lib/serial/index.ts';
import { createSysfsCatalog, createSystemCatalog } from '../../src-main/lib/serial/sysfs-catalog.ts';
import { type PluggedAdapter, type UsbTree, createUsbTree } from './usb-tree.ts';

const quad: PluggedAdapter = {
  ...{ at: '3-1.4', vendorId: '0403', productId: '6011', product: 'FT4232H\u0007 Quad' },
  ...{ ttys: ['ttyUSB4', 'ttyUSB5', 'ttyUSB6', 'ttyUSB7'], latencyTimerMs: 16 },
};
const board: PluggedAdapter = {
  ...{ at: '1-2', vendorId: '0483', productId: '374B', product: 'STM32 STLink', ttys: ['ttyACM0'], interfaces: [2] },
};
const deep: PluggedAdapter = { at: '1-2.3.1.4', vendorId: '1a86', productId: '7523', ttys: ['ttyUSB0'] };

let tree: UsbTree;
beforeEach(async () => {
  tree = await createUsbTree();
});
afterEach(() => tree.remove());

describe('the adapters in sysfs', () => {
  it('are told by their place below the hubs, by interface where they have several channels', async () => {
    for (const adapter of [quad, board, deep]) await tree.plug(adapter);
    const found = await createSysfsCatalog(tree.places).list();
    expect(found.map(({ usbPath, path }) => [usbPath, path.slice(tree.places.dev.length)])).toEqual([
      ['1-2:1.2', '/ttyACM0'],
      ['1-2.3.1.4:1.0', '/ttyUSB0'],
      ...[4, 5, 6, 7].map((number) => [`3-1.4:1.${String(number - 4)}`, `/ttyUSB${String(number)}`]),
    ]);
    const facts = { name: 'STM32 STLink', vendorId: '0483', productId: '374b' };
    expect(found[0]).toMatchObject(facts);
    expect(found[2]).toMatchObject({ name: 'FT4232H Quad', latencyTimerFile: tree.latencyTimerFile(quad) });
    expect(found[1]).toMatchObject({ name: 'ttyUSB0' });
  });

  it('keep their place under another number, and another adapter takes the number over', async () => {
    await tree.plug(deep);
    await tree.pull(deep);
    const catalog = createSysfsCatalog(tree.places);
    expect(await catalog.list()).toEqual([]);
    await tree.plug({ ...deep, at: '1-4' });
    await tree.plug({ ...deep, ttys: ['ttyUSB1'] });
    const found = await catalog.list();
    expect(found.map(({ usbPath }) => usbPath)).toEqual(['1-4:1.0', '1-2.3.1.4:1.0']);
    expect(found[1]?.path.endsWith('ttyUSB1')).toBe(true);
  });

  it('are no consoles and no ports without a chip; a port of the PC itself has no place', async () => {
    await tree.addOnBoard('ttyS0', true);
    await tree.addOnBoard('ttyS1', false);
    expect(await createSysfsCatalog(tree.places).list()).toEqual([
      { path: `${tree.places.dev}/ttyS0`, name: 'serial port ttyS0' },
    ]);
  });

  it('are none where there is no sysfs, and the list of this PC is one', async () => {
    expect(await createSysfsCatalog({ sys: '/nowhere', dev: '/nowhere' }).list()).toEqual([]);
    expect(Array.isArray(await createSystemCatalog(process.platform).list())).toBe(true);
  });
});

describe('the adapters as other systems list them', () => {
  it('have a place from their location, told apart by interface, else by their order', async () => {
    const entries = [
      {
        path: 'COM10',
        friendlyName: 'ST-Link (COM10)',
        vendorId: '0483',
        productId: '374B',
        locationId: 'Port_#0003.Hub_#0001',
        pnpId: 'USB\\VID_0483&PID_374B&MI_02\\6&1',
      },
      { path: 'COM3', vendorId: '0403', productId: '6010', locationId: 'Port_#0002.Hub_#0001' },
      { path: 'COM4', vendorId: '0403', productId: '6010', locationId: 'Port_#0002.Hub_#0001' },
      { path: 'COM1' },
      { none: 1 },
      null,
    ];
    const found = await createListedCatalog(async () => entries).list();
    expect(found.map(({ path, usbPath }) => [path, usbPath])).toEqual([
      ['COM1', undefined],
      ['COM3', 'Port_#0002.Hub_#0001'],
      ['COM4', 'Port_#0002.Hub_#0001#1'],
      ['COM10', 'Port_#0003.Hub_#0001:1.2'],
    ]);
    expect(found[3]).toMatchObject({ name: 'ST-Link (COM10)', productId: '374b' });
  });

  it('are none when the system does not answer', async () => {
    expect(await createListedCatalog(() => Promise.reject(new Error('no udevadm'))).list()).toEqual([]);
  });
});
