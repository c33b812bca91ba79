/** Sends one command and gets its answer, sending again while the TPM asks for that. */
import type { ByteReader } from '../base/bytes.ts';
import { backoffMs } from '../base/backoff.ts';
import type { CancelSignal } from '../base/cancel.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { ok, type Result } from '../base/result.ts';
import { decodeResponse, encodeCommand, type TpmCommand, type TpmResponse } from './command.ts';
import { cc } from './constants.ts';
import { tpmFailed } from './faults.ts';
import { isBusy, rcFailed, rcInitialize, rcNeedsTest, rcSuccess } from './response-code.ts';
import type { TpmTransport } from './types.ts';

// About 25 s in all: a full self-test of a slow chip takes some seconds (TPM_RC_TESTING), a write lock less.
const maxBusyRetries = 18;
const busyBackoff = { firstMs: 50, maxMs: 2_000 } as const;
const noJitter = 1;

export interface TpmLine {
  readonly transport: TpmTransport;
  readonly clock: Clock;
  readonly signal?: CancelSignal;
}

/** The answer to a command that succeeded; a refusal is a fault with the code in its detail. */
export async function exchange(line: TpmLine, command: TpmCommand): Promise<Result<TpmResponse>> {
  const first = await untilNotBusy(line, command);
  if (!first.ok) return first;
  const remedy = remedies.get(first.value.rc);
  if (remedy === undefined) return accepted(first.value, command);
  const remedied = await untilNotBusy(line, remedy);
  if (!remedied.ok) return remedied;
  const second = await untilNotBusy(line, command);
  return second.ok ? accepted(second.value, command) : second;
}

/** What a TPM may ask for once before it works: TPM2_Startup(CLEAR), or a full TPM2_SelfTest (Part 3, clauses 9.3, 10.2). */
const remedies: ReadonlyMap<number, TpmCommand> = new Map<number, TpmCommand>([
  [rcInitialize, { code: cc.startup, parameters: [Uint8Array.of(0, 0)] }],
  [rcNeedsTest, { code: cc.selfTest, parameters: [Uint8Array.of(1)] }],
]);

function accepted(response: TpmResponse, command: TpmCommand): Result<TpmResponse> {
  return response.rc === rcSuccess ? ok(response) : rcFailed(response.rc, command.code);
}

async function untilNotBusy(line: TpmLine, command: TpmCommand): Promise<Result<TpmResponse>> {
  for (let attempt = 1; ; attempt += 1) {
    if (line.signal?.aborted === true) return tpmFailed('tpm-cancelled');
    const bytes = await line.transport.transmit(encodeCommand(command), line.signal);
    if (!bytes.ok) return bytes;
    const response = decodeResponse(bytes.value, command);
    if (!response.ok || !isBusy(response.value.rc)) return response;
    if (attempt > maxBusyRetries) return rcFailed(response.value.rc, command.code);
    await sleep(line.clock, backoffMs(attempt, noJitter, busyBackoff), line.signal);
  }
}

export type Run = (command: TpmCommand) => Promise<Result<TpmResponse>>;

export function done(response: Result<TpmResponse>): Result<void> {
  return response.ok ? ok() : response;
}

/** Reads the parameters of an answer; what cannot be read is a fault, never a throw. */
export function read<T>(
  response: Result<TpmResponse>,
  pick: (parameters: ByteReader, handle: number) => T | undefined,
): Result<T> {
  if (!response.ok) return response;
  const value = pick(response.value.parameters, response.value.handle);
  return value === undefined ? tpmFailed('tpm-response-malformed', { what: 'parameters' }) : ok(value);
}
