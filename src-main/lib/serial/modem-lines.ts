/** What is done to a port right after it was opened: its modem lines, its driver's waits, and what happens at the close. */
import { spawn } from 'node:child_process';
import type { SerialPort } from 'serialport';
import type { Log } from '../base/log.ts';
import type { PortProfile } from './profile.ts';

/** A tool of the system that answers at once; a port whose driver blocks it is opened by a port host, which is killed. */
const sttyTimeoutMs = 2_000;

/** A pseudo-terminal has no modem lines (ENOTTY) and some adapters lack one: told, and gone on without. */
export async function prepareLines(port: SerialPort, profile: PortProfile, log: Log): Promise<void> {
  const { dtr, rts, lowLatency } = profile;
  if (dtr !== undefined || rts !== undefined || lowLatency !== undefined) {
    const error = await new Promise<Error | null>((resolve) => {
      // In one call, and every line by name: serialport raises the lines that a call does not mention, and a second
      // call would be an edge that boards take for a reset.
      const lines = { dtr: dtr ?? true, rts: rts ?? true, lowLatency: lowLatency ?? false };
      port.set(lines, resolve);
    });
    if (error !== null) log.info('port-has-no-modem-lines', { path: profile.path });
  }
  if (profile.hangUpOnClose === false && !(await keepLinesAtClose(port))) {
    log.info('port-hangs-up-on-close', { path: profile.path });
  }
}

/**
 * serialport sets HUPCL but never clears it, and a system sets it on every new port (termios(3)): without this the lines
 * drop at each close, and the board resets at each opening. Done on the open port: opening it anew would be an edge too.
 */
async function keepLinesAtClose(port: SerialPort): Promise<boolean> {
  const binding: unknown = port.port;
  const fd = typeof binding === 'object' && binding !== null && 'fd' in binding ? binding.fd : undefined;
  if (typeof fd !== 'number') return false;
  return new Promise((resolve) => {
    // As descriptor 3: Node makes a child's standard input blocking, and the port with it, whose reads would never end.
    const stty = spawn('sh', ['-c', 'stty -hupcl <&3'], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
      timeout: sttyTimeoutMs,
    });
    stty.once('error', () => {
      resolve(false);
    });
    stty.once('exit', (code) => {
      resolve(code === 0);
    });
  });
}
