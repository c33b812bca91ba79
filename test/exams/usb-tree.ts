/** A folder shaped like sysfs and /dev, with the links the kernel makes; adapters are plugged in and pulled. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { SysfsPlaces } from '../../src-main/lib/serial/sysfs-catalog.ts';

export interface PluggedAdapter {
  /** `1-2.3`: the device, below its hubs. */
  readonly at: string;
  readonly vendorId: string;
  readonly productId: string;
  readonly product?: string;
  readonly manufacturer?: string;
  /** The numbers the kernel gives: one for each channel, in the order of the interfaces. */
  readonly ttys: readonly string[];
  /** Which of the interfaces carry the channels; 0, 1, ... unless told. */
  readonly interfaces?: readonly number[];
  readonly latencyTimerMs?: number;
}

export interface UsbTree {
  readonly places: SysfsPlaces;
  /** `dev` of a tty is a plain file, or a link to where it can be opened. */
  plug(adapter: PluggedAdapter, opens?: (tty: string) => string): Promise<void>;
  pull(adapter: PluggedAdapter): Promise<void>;
  /** A port of the PC itself; without a chip it is only a name. */
  addOnBoard(tty: string, hasChip: boolean): Promise<void>;
  latencyTimerFile(adapter: PluggedAdapter, channel?: number): string;
  remove(): Promise<void>;
}

export async function createUsbTree(): Promise<UsbTree> {
  const root = await mkdtemp(join(tmpdir(), 'benchline-usb-'));
  const places = { sys: join(root, 'sys'), dev: join(root, 'dev') };
  const classFolder = join(places.sys, 'class/tty');
  await Promise.all([mkdir(classFolder, { recursive: true }), mkdir(places.dev, { recursive: true })]);
  // What every PC has, and nobody plugged in.
  for (const name of ['console', 'ptmx', 'tty', 'tty0', 'tty1', 'ttyprintk']) {
    const folder = join(places.sys, 'devices/virtual/tty', name);
    await mkdir(folder, { recursive: true });
    await symlink(relative(classFolder, folder), join(classFolder, name));
    await writeFile(join(places.dev, name), '');
  }

  const deviceFolder = ({ at }: PluggedAdapter): string => {
    const [bus = '', ports = ''] = at.split('-');
    const hubs = ports.split('.').map((_, depth, all) => `${bus}-${all.slice(0, depth + 1).join('.')}`);
    return join(places.sys, 'devices/pci0000:00/0000:00:14.0', `usb${bus}`, ...hubs);
  };
  const channelFolder = (adapter: PluggedAdapter, channel: number): string => {
    const number = adapter.interfaces?.[channel] ?? channel;
    const own = join(deviceFolder(adapter), `${adapter.at}:1.${String(number)}`);
    const tty = adapter.ttys[channel] ?? '';
    // usb-serial puts a port of its own between interface and tty; cdc_acm does not.
    return tty.startsWith('ttyACM') ? own : join(own, tty);
  };
  return {
    places,
    async plug(adapter, opens) {
      const device = deviceFolder(adapter);
      await mkdir(device, { recursive: true });
      await writeFile(join(device, 'idVendor'), `${adapter.vendorId}\n`);
      await writeFile(join(device, 'idProduct'), `${adapter.productId}\n`);
      if (adapter.product !== undefined) await writeFile(join(device, 'product'), `${adapter.product}\n`);
      if (adapter.manufacturer !== undefined)
        await writeFile(join(device, 'manufacturer'), `${adapter.manufacturer}\n`);
      for (const [channel, tty] of adapter.ttys.entries()) {
        const port = channelFolder(adapter, channel);
        const own = join(port, 'tty', tty);
        await mkdir(own, { recursive: true });
        await symlink(relative(own, port), join(own, 'device'));
        if (!tty.startsWith('ttyACM')) await writeFile(join(port, 'port_number'), '0\n');
        if (adapter.latencyTimerMs !== undefined) {
          await writeFile(join(port, 'latency_timer'), `${String(adapter.latencyTimerMs)}\n`);
        }
        await symlink(relative(classFolder, own), join(classFolder, tty));
        const node = join(places.dev, tty);
        await (opens === undefined ? writeFile(node, '') : symlink(opens(tty), node));
      }
    },
    async pull(adapter) {
      for (const tty of adapter.ttys) {
        await Promise.all([rm(join(classFolder, tty), { force: true }), rm(join(places.dev, tty), { force: true })]);
      }
      await rm(deviceFolder(adapter), { recursive: true, force: true });
    },
    async addOnBoard(tty, hasChip) {
      const port = join(places.sys, 'devices/pnp0', tty);
      const own = join(port, 'tty', tty);
      await mkdir(own, { recursive: true });
      await symlink(relative(own, port), join(own, 'device'));
      await writeFile(join(own, 'type'), hasChip ? '4\n' : '0\n');
      await symlink(relative(classFolder, own), join(classFolder, tty));
      await writeFile(join(places.dev, tty), '');
    },
    latencyTimerFile: (adapter, channel = 0) => join(channelFolder(adapter, channel), 'latency_timer'),
    remove: () => rm(dirname(places.sys), { recursive: true, force: true }),
  };
}
