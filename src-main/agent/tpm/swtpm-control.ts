/** The control channel of swtpm (swtpm_ioctls(3)): used only to end one that an earlier agent left behind. */
import { connect } from 'node:net';
import { uint32 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';

const cmdShutdown = 3;
// It stops within milliseconds, unless it is making a key.
const stopTimeoutMs = 5_000;

/** Asks whoever listens at this control socket to end, and waits until it has closed; nobody there is fine too. */
export function stopStrandedSwtpm(controlPath: string, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path: controlPath });
    const cancelTimer = clock.after(stopTimeoutMs, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', () => undefined);
    socket.once('connect', () => socket.write(uint32(cmdShutdown)));
    socket.once('close', () => {
      cancelTimer();
      resolve();
    });
  });
}
