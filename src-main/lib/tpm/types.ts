/** What other rooms may know of a TPM without knowing how one is spoken to. */
import type { CancelSignal } from '../base/cancel.ts';
import type { Result } from '../base/result.ts';

/**
 * Carries one whole TPM 2.0 command buffer to a TPM and its whole response buffer back (TPM 2.0 Library, Part 1,
 * clause 18; at most 4,096 bytes each way). One command at a time: a caller waits for the answer before the next.
 */
export interface TpmTransport {
  transmit(command: Uint8Array, signal?: CancelSignal): Promise<Result<Uint8Array>>;
}
