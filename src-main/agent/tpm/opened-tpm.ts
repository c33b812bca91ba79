/** A TPM that is open, whatever it is made of. */
import type { Lane } from '../../lib/base/lane.ts';
import type { Result } from '../../lib/base/result.ts';
import type { TpmTransport } from '../../lib/tpm/types.ts';
import { linkFailed } from './faults.ts';

type TpmKind = 'swtpm' | 'swtpm-socket' | 'software' | 'device';

export interface OpenedTpm {
  readonly transport: TpmTransport;
  readonly kind: TpmKind;
  /** Idempotent; resolves when handles and processes are gone, at the latest after a bound of its own. */
  close(): Promise<void>;
}

/** One command runs and a few may wait; a caller that sends more has lost count of its answers. */
export const maxWaitingCommands = 16;
export const headerBytes = 10;
export const maxBufferBytes = 4_096;
/** Making an RSA key takes some chips more than half a minute. */
export const defaultAnswerTimeoutMs = 120_000;

/** Passes whole commands only, one at a time. */
export function inLane(lane: Lane, transmit: TpmTransport['transmit']): TpmTransport {
  return {
    transmit(command, signal) {
      if (command.length < headerBytes || command.length > maxBufferBytes) {
        return Promise.resolve(linkFailed('tpm-command-size'));
      }
      const turn = lane.run<Result<Uint8Array>>(async () =>
        signal?.aborted === true ? linkFailed('tpm-link-cancelled') : transmit(command, signal),
      );
      return turn ?? Promise.resolve(linkFailed('tpm-link-full'));
    },
  };
}
