/** The line as two pseudo-terminals: one that the station opens like a serial port, and the one where the unit is. */
import type { Clock } from '../../src-main/lib/base/clock.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { type Result, ok } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { openPty, openSerialPort, openTcpStream } from '../../src-main/lib/serial/index.ts';
import { type Proxy, type ProxyOptions, openProxy } from './proxy.ts';

export interface PtyProxy extends Proxy {
  /** What the station opens. */
  readonly path: string;
}

export interface PtyProxyPlaces {
  /** The unit's port: an agent's pseudo-terminal, or a real one; or where it listens, as `tcp:HOST:PORT`. */
  readonly unitPath: string;
  /** A stable name for the station's end. */
  readonly linkPath?: string;
}

function openUnit(place: string, clock: Clock): Promise<Result<ByteStream>> {
  const [, host, port] = /^tcp:(.+):(\d+)$/.exec(place) ?? [];
  if (host === undefined) return openSerialPort({ path: place }, { clock, log: silentLog });
  return openTcpStream({ host, port: Number(port) }, clock);
}

export async function openPtyProxy(
  places: PtyProxyPlaces,
  options: ProxyOptions,
  clock: Clock,
): Promise<Result<PtyProxy>> {
  const unit = await openUnit(places.unitPath, clock);
  if (!unit.ok) return unit;
  const pty = await openPty(places.linkPath === undefined ? {} : { linkPath: places.linkPath }, clock);
  if (!pty.ok) {
    await unit.value.close();
    return pty;
  }
  return ok({ ...openProxy(pty.value.stream, unit.value, options, clock), path: pty.value.path });
}
