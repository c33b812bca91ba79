/** The adapters as the Linux kernel shows them in sysfs. */
import { watch } from 'node:fs';
import { access, readFile, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type AdapterPort,
  type CatalogEars,
  type PortCatalog,
  createListedCatalog,
  maxListedPorts,
  numbered,
  printable,
} from './port-catalog.ts';

export interface SysfsPlaces {
  readonly sys: string;
  readonly dev: string;
}

const systemPlaces: SysfsPlaces = { sys: '/sys', dev: '/dev' };

/** Consoles and pseudo-terminals are nobody's adapter, and there are a hundred of them. */
const noAdapter = /^(tty\d*|console|ptmx|ttyprintk|pty.*)$/;
/** `1-2.3:1.0` (drivers/usb/core: bus-port.port:configuration.interface). */
const usbInterface = /^\d+-\d+(\.\d+)*:\d+\.\d+$/;
/** The tty of usb-serial lies one folder below its interface, that of cdc_acm in it. */
const maxLevelsUp = 3;

export function createSystemCatalog(platform: string, places: SysfsPlaces = systemPlaces): PortCatalog {
  return platform === 'linux' ? createSysfsCatalog(places) : createListedCatalog();
}

export function createSysfsCatalog(places: SysfsPlaces): PortCatalog {
  return {
    async list() {
      const names = await readdir(join(places.sys, 'class/tty')).catch((): string[] => []);
      const real = names.filter((name) => !noAdapter.test(name)).slice(0, maxListedPorts);
      const ports = await Promise.all(real.map((name) => portAt(places, name)));
      return numbered(ports.flatMap((port) => (port === undefined ? [] : [port])));
    },
    watch: (tell) => watchNodes(places.dev, tell),
  };
}

/** sysfs tells nobody of a change; the folder of the device nodes does, a moment later. */
function watchNodes(dev: string, tell: CatalogEars): (() => void) | undefined {
  try {
    // Bytes written to a port are a change of its node as well: only names that come and go count.
    const watcher = watch(dev, { persistent: false }, (event) => {
      if (event === 'rename') tell.changed();
    });
    watcher.on('error', () => {
      watcher.close();
      tell.lost();
    });
    return () => {
      watcher.close();
    };
  } catch {
    // No folder, or the system has no watch left to give.
    return undefined;
  }
}

async function portAt({ sys, dev }: SysfsPlaces, tty: string): Promise<AdapterPort | undefined> {
  const own = join(sys, 'class/tty', tty);
  const path = join(dev, tty);
  const folder = await realpath(join(own, 'device')).catch(() => undefined);
  // udev makes the node some milliseconds after the kernel made the folder.
  if (folder === undefined || !(await isThere(path))) return undefined;
  const usb = interfaceAbove(folder);
  if (usb === undefined) return onBoardPort(own, { path, tty });
  const latencyTimerFile = join(folder, 'latency_timer');
  const number = await textOf(join(folder, 'port_number'));
  // Several ports behind one interface are told apart by the driver's own count.
  const channel = number === undefined || number === '0' ? '' : `#${number}`;
  return {
    path,
    ...(await namedBy(usb, tty)),
    usbPath: `${basename(usb)}${channel}`,
    ...((await isThere(latencyTimerFile)) ? { latencyTimerFile } : {}),
  };
}

/** What the USB device above an interface says of itself. */
async function namedBy(usb: string, tty: string): Promise<Pick<AdapterPort, 'name' | 'vendorId' | 'productId'>> {
  const [vendorId, productId, ...names] = await Promise.all([
    ...['idVendor', 'idProduct', 'product', 'manufacturer'].map((name) => textOf(join(dirname(usb), name))),
    textOf(join(usb, 'interface')),
  ]);
  const name = names.map((text) => printable(text ?? '')).find((text) => text !== '');
  return {
    name: name ?? tty,
    ...(vendorId === undefined ? {} : { vendorId: vendorId.toLowerCase() }),
    ...(productId === undefined ? {} : { productId: productId.toLowerCase() }),
  };
}

function interfaceAbove(folder: string): string | undefined {
  let at = folder;
  for (let level = 0; level < maxLevelsUp; level += 1) {
    if (usbInterface.test(basename(at))) return at;
    at = dirname(at);
  }
  return undefined;
}

/** A PC shows four serial ports whether it has them or not; those without a chip are of type 0 (PORT_UNKNOWN). */
async function onBoardPort(
  own: string,
  { path, tty }: { readonly path: string; readonly tty: string },
): Promise<AdapterPort | undefined> {
  const type = await textOf(join(own, 'type'));
  return type === undefined || type === '0' ? undefined : { path, name: `serial port ${tty}` };
}

async function textOf(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
