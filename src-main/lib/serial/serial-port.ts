/** A serial port in this process. Stations use a port host instead: a hanging driver must not stop the program. */
import { SerialPort } from 'serialport';
import type { Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { serialFault } from './faults.ts';
import { byteStreamOf } from './node-ends.ts';
import { watchPort } from './port-watch.ts';
import { prepareLines } from './modem-lines.ts';
import { defaultBaudRate, type PortProfile } from './profile.ts';

export interface SerialParts {
  readonly clock: Clock;
  readonly log: Log;
  /** What moves the bytes: serialport's own unless a test brings one that has modem lines. */
  readonly binding?: object;
}

export async function openSerialPort(profile: PortProfile, parts: SerialParts): Promise<Result<ByteStream>> {
  const opened = await openNativePort(profile, parts);
  if (!opened.ok) return opened;
  const port = opened.value;
  return ok(
    byteStreamOf(
      {
        readable: port,
        writable: port,
        release: () => closeNativePort(port),
        lost: () => serialFault('port-unplugged', { path: profile.path }),
      },
      parts.clock,
    ),
  );
}

/** The port as serialport gives it: paused until somebody listens. */
export async function openNativePort(profile: PortProfile, parts: SerialParts): Promise<Result<SerialPort>> {
  const port = new SerialPort({
    path: profile.path,
    baudRate: profile.baudRate ?? defaultBaudRate,
    autoOpen: false,
    ...(parts.binding === undefined ? {} : { binding: parts.binding }),
    lock: true,
    ...(profile.rtscts === undefined ? {} : { rtscts: profile.rtscts }),
    ...(profile.hangUpOnClose === undefined ? {} : { hupcl: profile.hangUpOnClose }),
  });
  const error = await new Promise<Error | null>((resolve) => {
    port.open(resolve);
  });
  if (error !== null) return failed(openFault(profile.path, error.message));
  await prepareLines(port, profile, parts.log);
  await watchPort(port, parts.clock);
  return ok(port);
}

export function closeNativePort(port: SerialPort): Promise<void> {
  return new Promise((resolve) => {
    if (!port.isOpen) {
      resolve();
      return;
    }
    port.close(() => {
      resolve();
    });
  });
}

// serialport hands on the text of strerror(3) and nothing else; ours are the words of a C library in the C locale.
const openFaults: readonly (readonly [RegExp, Parameters<typeof serialFault>[0]])[] = [
  [/no such file|file not found|cannot find/i, 'port-missing'],
  [/permission denied|access denied/i, 'port-denied'],
  [/busy|cannot lock|temporarily unavailable/i, 'port-busy'],
];

function openFault(path: string, message: string): Fault {
  const code = openFaults.find(([pattern]) => pattern.test(message))?.[1] ?? 'port-failed';
  return serialFault(code, { path });
}
