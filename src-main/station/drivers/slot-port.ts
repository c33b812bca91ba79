/** One slot's way to its unit: a port host of its own for a serial port, or a TCP connection to a device server. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import type { Result } from '../../lib/base/result.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import { type PortProfile, openPortHost, openTcpStream } from '../../lib/serial/index.ts';
import type { BenchSlot } from '../bench/slot-run.ts';
import type { DeviceProfiles } from './device-profiles.ts';

/** Where a slot's unit is reached, looked up at each opening: an adapter comes back under another number. */
type LineOpening =
  | { readonly kind: 'serial'; readonly profile: PortProfile }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export interface SlotPlace {
  readonly slot: number;
  readonly name: string;
  readonly virtualSerialNumber?: string;
  /** @param baudRate of the batch, where it has its own */
  line(baudRate: number | undefined): Promise<Result<LineOpening>>;
}

export interface SlotPortParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly portHost: { readonly execPath: string; readonly entryPath: string };
  readonly profiles: DeviceProfiles;
  /** What units must trust to reach the service; known once the service is. */
  trustedRoots(): readonly Uint8Array[];
}

export interface SlotPort extends BenchSlot {
  /** The line as it is, for the adapter doctor; `change` opens a serial port otherwise than its profile says. */
  openLine(change: Partial<PortProfile>, signal: CancelSignal): Promise<Result<ByteStream>>;
  /** Starts the slot's port host ahead, where its line needs one, and waits until it is up. */
  prepare(): Promise<void>;
  /** Ends the slot's port host. */
  close(): Promise<void>;
}

// The port host of a station that was killed lets go of the port when its pipe ends: milliseconds, on a loaded PC more.
const busyTries = 15;
const busyPauseMs = 200;

async function openWhenFree(
  open: () => Promise<Result<ByteStream>>,
  clock: Clock,
  signal?: CancelSignal,
): Promise<Result<ByteStream>> {
  for (let attempt = 1; ; attempt += 1) {
    const opened = await open();
    if (opened.ok || opened.fault.code !== 'port-busy' || attempt === busyTries || signal?.aborted === true)
      return opened;
    await sleep(clock, busyPauseMs, signal);
  }
}

export function createSlotPort(place: SlotPlace, parts: SlotPortParts): SlotPort {
  const log = parts.log.with({ slot: place.slot });
  let isClosed = false;
  const host = openPortHost(parts.portHost, { clock: parts.clock, log });
  const openStream = async (
    baudRate: number | undefined,
    change: Partial<PortProfile> = {},
    signal?: CancelSignal,
  ): Promise<Result<ByteStream>> => {
    const line = await place.line(baudRate);
    if (!line.ok) return line;
    if (line.value.kind === 'tcp') return openTcpStream(line.value, parts.clock);
    const profile = { ...line.value.profile, ...change };
    return openWhenFree(() => host.open(profile), parts.clock, signal);
  };
  const { slot, name, virtualSerialNumber } = place;
  return Object.freeze({
    slot,
    name,
    ...(virtualSerialNumber === undefined ? {} : { virtualSerialNumber }),
    open: async (batch) => {
      const { deviceProfile } = batch?.terms ?? {};
      // A console has the speed that its firmware was built with; the batch may still say otherwise.
      const baudRate = batch?.terms.baudRate ?? parts.profiles.baudRateOf(deviceProfile);
      const reopen = () => openStream(baudRate);
      const stream = await reopen();
      if (!stream.ok) return stream;
      const { clock, random } = parts;
      const driverParts = { clock, random, log, trustedRoots: parts.trustedRoots(), reopen };
      const driver = parts.profiles.openDriver(deviceProfile, stream.value, driverParts);
      if (!driver.ok) await stream.value.close();
      return driver;
    },
    openLine: (change, signal) => openStream(undefined, change, signal),
    prepare: async () => {
      const line = await place.line(undefined);
      // Closed meanwhile: what is started now would outlive the station's stop.
      if (line.ok && line.value.kind === 'serial' && !isClosed) await host.start();
    },
    close: () => {
      isClosed = true;
      return host.close();
    },
  } satisfies SlotPort);
}
