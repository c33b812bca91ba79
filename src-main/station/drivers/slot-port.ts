/** One slot's way to its unit: a port host of its own for a serial port, or a TCP connection to a device server. */
import { type Clock, sleep } from '../../lib/base/clock.ts';
import { faultMaker } from '../../lib/base/fault.ts';
import { parseHostPort } from '../../lib/base/host-port.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, failed } from '../../lib/base/result.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import { openPortHost, openTcpStream } from '../../lib/serial/index.ts';
import type { BenchSlot } from '../bench/bench.ts';
import type { DeviceProfiles } from './device-profiles.ts';

const portFault = faultMaker({
  'port-unbound': { say: 'Slot {slot} has no port yet.', hint: 'Wait until its unit is plugged in.' },
});

/** Where a slot's unit is reached. `address` may change: a virtual unit gets its pseudo-terminal when it starts. */
export interface SlotPlace {
  readonly slot: number;
  readonly name: string;
  readonly virtualSerialNumber?: string;
  address(): { readonly kind: 'serial' | 'tcp'; readonly address: string } | undefined;
}

export interface SlotPortParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly portHost: { readonly execPath: string; readonly entryPath: string };
  readonly baudRate: number;
  readonly profiles: DeviceProfiles;
  /** What units must trust to reach the service; known once the service is. */
  trustedRoots(): readonly Uint8Array[];
}

export interface SlotPort extends BenchSlot {
  /** Ends the slot's port host. */
  close(): Promise<void>;
}

// The port host of a station that was killed lets go of the port when its pipe ends: milliseconds, on a loaded PC more.
const busyTries = 15;
const busyPauseMs = 200;

async function openWhenFree(open: () => Promise<Result<ByteStream>>, clock: Clock): Promise<Result<ByteStream>> {
  for (let attempt = 1; ; attempt += 1) {
    const opened = await open();
    if (opened.ok || opened.fault.code !== 'port-busy' || attempt === busyTries) return opened;
    await sleep(clock, busyPauseMs);
  }
}

export function createSlotPort(place: SlotPlace, parts: SlotPortParts): SlotPort {
  const log = parts.log.with({ slot: place.slot });
  const host = openPortHost(parts.portHost, { clock: parts.clock, log });
  const openStream = async (): Promise<Result<ByteStream>> => {
    const where = place.address();
    if (where === undefined) return failed(portFault('port-unbound', { slot: place.slot }));
    if (where.kind === 'serial') {
      return openWhenFree(() => host.open({ path: where.address, baudRate: parts.baudRate }), parts.clock);
    }
    const { host: server, port } = parseHostPort(where.address) ?? {};
    // A configuration that told none was refused at the start.
    if (server === undefined || port === undefined) return failed(portFault('port-unbound', { slot: place.slot }));
    return openTcpStream({ host: server, port }, parts.clock);
  };
  const { slot, name, virtualSerialNumber } = place;
  return Object.freeze({
    slot,
    name,
    ...(virtualSerialNumber === undefined ? {} : { virtualSerialNumber }),
    open: async (batch) => {
      const stream = await openStream();
      if (!stream.ok) return stream;
      const { clock, random } = parts;
      const driverParts = { clock, random, log, trustedRoots: parts.trustedRoots() };
      const driver = parts.profiles.openDriver(batch?.terms.deviceProfile, stream.value, driverParts);
      if (!driver.ok) await stream.value.close();
      return driver;
    },
    close: () => host.close(),
  } satisfies SlotPort);
}
