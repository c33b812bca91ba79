/** Notices that a port is gone where its driver stays silent. */
import type { SerialPort } from 'serialport';
import type { Clock } from '../base/clock.ts';

/** A pulled cable shows on the screen within this time. */
const lookEveryMs = 500;

/**
 * A terminal that was hung up between two reads gives zero bytes for ever, and serialport reads on without a word
 * (tried with pseudo-terminals). Asking for the baud rate fails then. Where a system cannot tell the baud rate at
 * all, the first question fails and nothing is watched.
 */
export async function watchPort(port: SerialPort, clock: Clock): Promise<void> {
  if (!(await answers(port))) return;
  let cancel: () => void = () => undefined;
  const look = async (): Promise<void> => {
    const isThere = await answers(port);
    if (isThere) cancel = clock.after(lookEveryMs, start);
    else if (port.isOpen) port.close(() => undefined);
  };
  const start = (): void => void look();
  port.once('close', () => {
    cancel();
  });
  cancel = clock.after(lookEveryMs, start);
}

/** The binding's own question; serialport hands its types on only in part. */
async function answers(port: SerialPort): Promise<boolean> {
  const binding: unknown = port.port;
  if (typeof binding !== 'object' || binding === null || !('getBaudRate' in binding)) return false;
  if (typeof binding.getBaudRate !== 'function') return false;
  try {
    await Reflect.apply(binding.getBaudRate, binding, []);
    return true;
  } catch {
    // ENOTTY, EIO or ENODEV: all that is asked here is whether it answers.
    return false;
  }
}
