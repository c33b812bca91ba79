/** What a unit's TPM is and holds, whatever carries its commands. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { handleRange } from '../../lib/tpm/constants.ts';
import { provePossession, readTpmIdentity } from '../../lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../lib/tpm/registration-id.ts';
import { type Tpm, createTpm } from '../../lib/tpm/tpm.ts';
import type { TpmTransport } from '../../lib/tpm/types.ts';
import type { TpmIdentity } from '../bench/ports.ts';

interface ProofParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: CancelSignal;
}

export async function proveTpm(transport: TpmTransport, parts: ProofParts): Promise<Result<TpmIdentity>> {
  const tpm = createTpm(transport, parts.clock, parts.signal);
  const read = await readTpmIdentity(tpm);
  if (!read.ok) return read;
  const { ek, srk, ekCertificate } = read.value;
  const proven = await provePossession(tpm, read.value, parts.random);
  if (!proven.ok) return proven;
  return ok({
    endorsementKey: ek,
    storageRootKey: srk,
    registrationId: registrationIdFromEk(ek),
    ...(ekCertificate === undefined ? {} : { ekCertificate }),
  });
}

/** A TPM holds some three loaded sessions and objects (Part 2, TPM_PT_HR_LOADED_MIN); ours are the only ones on a bench. */
const maxLeftovers = 16;

/**
 * Flushes what a broken-off exchange left loaded: the TPM did not reset with the board around it, and its few places
 * would run out.
 */
export async function flushLeftovers(transport: TpmTransport, clock: Clock): Promise<Result<void>> {
  const tpm: Tpm = createTpm(transport, clock);
  for (const first of [handleRange.hmacSession, handleRange.transient]) {
    const listed = await tpm.handles(first);
    if (!listed.ok) return listed;
    for (const handle of listed.value.slice(0, maxLeftovers)) {
      const flushed = await tpm.flush(handle);
      // Gone meanwhile: that is what was wanted.
      if (!flushed.ok && flushed.fault.code !== 'tpm-handle-absent') return flushed;
    }
  }
  return ok();
}

/** A TPM step that was broken off begins anew as a whole: its session and challenge are worth nothing any more. */
const maxBeginnings = 3;

export async function begunAnew<T>(
  step: (beginning: number) => Promise<Result<T>>,
  brokeOff: (code: string) => boolean,
): Promise<Result<T>> {
  for (let beginning = 1; ; beginning += 1) {
    const done = await step(beginning);
    if (done.ok || beginning === maxBeginnings || !brokeOff(done.fault.code)) return done;
  }
}
