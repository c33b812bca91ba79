/** Opens the TPM that was asked for; never another one in its place. */
import type { Clock } from '../../lib/base/clock.ts';
import { type Result, unreachable } from '../../lib/base/result.ts';
import { type DeviceNodeOptions, openDeviceNode } from './device-node.ts';
import type { OpenedTpm } from './opened-tpm.ts';
import { openSoftwareTpm, type SoftwareTpmOptions } from './software-tpm.ts';
import { startSwtpm, type SwtpmProcessOptions } from './swtpm-process.ts';
import { openSwtpmSocket, type SwtpmSocketOptions } from './swtpm-socket.ts';

export type TpmChoice =
  | ({ readonly kind: 'swtpm' } & SwtpmProcessOptions)
  | ({ readonly kind: 'swtpm-socket' } & SwtpmSocketOptions)
  | ({ readonly kind: 'software' } & SoftwareTpmOptions)
  | ({ readonly kind: 'device' } & DeviceNodeOptions);

export function openTpm(choice: TpmChoice, clock: Clock): Promise<Result<OpenedTpm>> {
  switch (choice.kind) {
    case 'swtpm':
      return startSwtpm(choice, clock);
    case 'swtpm-socket':
      return openSwtpmSocket(choice, clock);
    case 'software':
      return openSoftwareTpm(choice, clock);
    case 'device':
      return openDeviceNode(choice, clock);
    default:
      return unreachable(choice);
  }
}
