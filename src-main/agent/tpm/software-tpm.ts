/**
 * A small TPM in software: EK, SRK, credentials, imported HMAC keys. It answers the same command buffers as a real one
 * and passes the same exam, so that a demonstration runs on any system. It protects nothing: its keys lie in a file.
 */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import { createLane } from '../../lib/base/lane.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { linkFailed } from './faults.ts';
import { inLane, maxWaitingCommands, type OpenedTpm } from './opened-tpm.ts';
import { runCommand } from './software/dispatch.ts';
import { createMemory } from './software/memory.ts';
import { emptyState, readState, type TpmState } from './software/state.ts';

export interface SoftwareTpmOptions {
  readonly stateFile: string;
  /** DER, for NV index 0x01C00002; kept in the state file. */
  readonly ekCertificate?: Uint8Array;
  /** A slow chip: how long each answer is held back. */
  readonly answerDelayMs?: number;
}

export async function openSoftwareTpm(options: SoftwareTpmOptions, clock: Clock): Promise<Result<OpenedTpm>> {
  const state = await initialState(options.stateFile);
  if (!state.ok) return state;
  const { ekCertificate, answerDelayMs = 0 } = options;
  const memory = createMemory(options.stateFile, state.value);
  const kept = await memory.keep((now) => (ekCertificate === undefined ? now : { ...now, ekCertificate }));
  if (!kept.ok) return kept;
  const closed = new AbortController();
  const holdBack = async (ms: number, signal: CancelSignal | undefined): Promise<void> => {
    const given = new AbortController();
    const stop = (): void => {
      given.abort();
    };
    for (const end of [closed.signal, signal]) end?.addEventListener('abort', stop);
    await sleep(clock, ms, given.signal);
    for (const end of [closed.signal, signal]) end?.removeEventListener('abort', stop);
  };
  const transport = inLane(createLane(maxWaitingCommands), async (command, signal) => {
    if (closed.signal.aborted) return linkFailed('tpm-link-down', { reason: 'closed' });
    const answer = await runCommand(memory, command);
    if (answerDelayMs > 0) await holdBack(answerDelayMs, signal);
    return signal?.aborted === true ? linkFailed('tpm-link-cancelled') : ok(answer);
  });
  return ok({
    kind: 'software',
    transport,
    close() {
      closed.abort();
      return Promise.resolve();
    },
  });
}

async function initialState(file: string): Promise<Result<TpmState>> {
  const own = await readState(file);
  return own.ok ? ok(own.value ?? emptyState) : own;
}
