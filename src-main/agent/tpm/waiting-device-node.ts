/**
 * A TPM behind a character device that may not be there yet, or not be allowed yet: each command looks again, and says
 * until then what is missing. So a board without its TPM tells the bench so, instead of staying silent.
 */
import type { Clock } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { type DeviceNodeOptions, openDeviceNode } from './device-node.ts';
import type { OpenedTpm } from './opened-tpm.ts';

export async function openWaitingDeviceNode(
  options: DeviceNodeOptions,
  clock: Clock,
  log: Log,
): Promise<Result<OpenedTpm>> {
  let opened: OpenedTpm | undefined;
  let told: string | undefined;
  let opening: Promise<Result<OpenedTpm>> | undefined;
  const look = async (): Promise<Result<OpenedTpm>> => {
    const looked = await openDeviceNode(options, clock);
    if (looked.ok) {
      opened = looked.value;
      told = undefined;
    } else {
      const { code, say, hint } = looked.fault;
      // A board that waits for a week must not fill a journal.
      if (code !== told) log.warn('tpm-waited-for', { code, say, hint });
      told = code;
    }
    return looked;
  };
  const there = async (): Promise<Result<OpenedTpm>> => {
    if (opened !== undefined) return ok(opened);
    try {
      return await (opening ??= look());
    } finally {
      opening = undefined;
    }
  };
  await there();
  return ok({
    kind: 'device',
    transport: {
      async transmit(command, signal) {
        const tpm = await there();
        if (!tpm.ok) return tpm;
        const answer = await tpm.value.transport.transmit(command, signal);
        // A driver that was taken out and put back (a module reloaded) has a new node: the next command opens it.
        if (!answer.ok && answer.fault.code === 'tpm-link-down' && opened === tpm.value) {
          opened = undefined;
          await tpm.value.close();
        }
        return answer;
      },
    },
    close: async () => {
      await opened?.close();
    },
  });
}
