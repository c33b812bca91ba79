/** Which adapters are plugged in now, and where: by their place in the USB tree, since COM and serial numbers lie. */
import { SerialPort } from 'serialport';

export interface AdapterPort {
  /** What a program opens: `/dev/ttyUSB0`, `COM7`. The number changes with every plugging. */
  readonly path: string;
  /** As the adapter calls itself. */
  readonly name: string;
  /** Bus, hub ports, configuration, interface: `1-2.3:1.0`; absent for a port that is no USB adapter. */
  readonly usbPath?: string;
  /** Four lower-case hexadecimal digits, as `productId`. */
  readonly vendorId?: string;
  readonly productId?: string;
  /** Where the adapter's driver keeps its latency timer, where it has one. */
  readonly latencyTimerFile?: string;
}

export interface PortCatalog {
  /** By path; never fails: what cannot be read is not plugged in. */
  list(): Promise<readonly AdapterPort[]>;
  /** Tells when something came or went, so that nobody must look for it; undefined where the system does not tell. */
  watch?(tell: CatalogEars): (() => void) | undefined;
}

export interface CatalogEars {
  changed(): void;
  /** Changes are told no more. */
  lost(): void;
}

/** More than any USB tree holds (127 devices a bus); a list is looked at three times a second. */
export const maxListedPorts = 256;
/** Names come from the adapter's own memory. */
const maxNameLength = 80;

export function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e\u00a0-\uffff]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, maxNameLength);
}

/** For systems without sysfs: what serialport finds. `list` is injected by tests. */
export function createListedCatalog(list: () => Promise<readonly unknown[]> = () => SerialPort.list()): PortCatalog {
  return {
    async list() {
      const found = await list().catch((): readonly unknown[] => []);
      return numbered(found.slice(0, maxListedPorts).flatMap(portOf));
    },
  };
}

function portOf(entry: unknown): AdapterPort[] {
  const facts = new Map<string, unknown>(typeof entry === 'object' && entry !== null ? Object.entries(entry) : []);
  const text = (name: string): string | undefined => {
    const value = facts.get(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const path = text('path');
  if (path === undefined) return [];
  const name = printable(text('friendlyName') ?? text('manufacturer') ?? path);
  const usbPath = placeOf(text('locationId'), text('pnpId'));
  const [vendorId, productId] = [text('vendorId')?.toLowerCase(), text('productId')?.toLowerCase()];
  return [
    {
      ...{ path, name },
      ...(usbPath === undefined ? {} : { usbPath }),
      ...(vendorId === undefined ? {} : { vendorId }),
      ...(productId === undefined ? {} : { productId }),
    },
  ];
}

/** `locationId` is `Port_#0003.Hub_#0001` on Windows and a number of the USB tree on macOS; `MI_xx` is the interface. */
function placeOf(location: string | undefined, pnpId: string | undefined): string | undefined {
  if (location === undefined) return undefined;
  const part = /MI_([0-9A-Fa-f]{2})/.exec(pnpId ?? '')?.[1];
  const place = location.replace(/[^\w.#-]/g, '');
  return part === undefined ? place : `${place}:1.${String(Number.parseInt(part, 16))}`;
}

/** Channels that the system does not tell apart are counted by their paths: `...#1` is the second. */
export function numbered(ports: readonly AdapterPort[]): readonly AdapterPort[] {
  const seen = new Map<string, number>();
  const sorted = [...ports].sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
  return sorted.map((port) => {
    if (port.usbPath === undefined) return port;
    const count = seen.get(port.usbPath) ?? 0;
    seen.set(port.usbPath, count + 1);
    return count === 0 ? port : { ...port, usbPath: `${port.usbPath}#${String(count)}` };
  });
}
