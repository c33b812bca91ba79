/** HMAC by a key in the TPM: one command where the data fits its input buffer, else a sequence (Part 3, clause 17). */
import { uint16, uint32 } from '../base/bytes.ts';
import type { Result } from '../base/result.ts';
import { alg, cc, pt, rh } from './constants.ts';
import { done, read, type Run } from './exchange.ts';
import { tpmFailed } from './faults.ts';
import { readSized, sized } from './wire.ts';

export interface HmacParts {
  readonly run: Run;
  property(property: number): Promise<Result<number>>;
  flush(handle: number): Promise<Result<void>>;
}

// A SAS string is some hundred bytes; a device has no reason to sign more than this through a slow chip.
const maxDataBytes = 65_536;
// TPM_PT_INPUT_BUFFER is 1,024 on every TPM met; ours keeps a command within 4,096 bytes whatever is claimed.
const maxChunkBytes = 2_048;

export async function hmacSequence(parts: HmacParts, key: number, data: Uint8Array): Promise<Result<Uint8Array>> {
  if (data.length > maxDataBytes) return tpmFailed('tpm-secret-size', { what: 'data to sign' });
  const inputBuffer = await parts.property(pt.inputBuffer);
  if (!inputBuffer.ok) return inputBuffer;
  const chunkBytes = Math.max(1, Math.min(inputBuffer.value, maxChunkBytes));
  if (data.length > chunkBytes) return inChunks(parts, { key, data, chunkBytes });
  const parameters = [sized(data), uint16(alg.sha256)];
  return read(await parts.run({ code: cc.hmac, handles: [key], sessions: ['password'], parameters }), (answer) =>
    readSized(answer),
  );
}

interface ChunkedInput {
  readonly key: number;
  readonly data: Uint8Array;
  readonly chunkBytes: number;
}

async function inChunks(parts: HmacParts, input: ChunkedInput): Promise<Result<Uint8Array>> {
  const started = read(
    await parts.run({
      code: cc.hmacStart,
      handles: [input.key],
      sessions: ['password'],
      parameters: [sized(), uint16(alg.sha256)],
      givesHandle: true,
    }),
    (_answer, handle) => handle,
  );
  if (!started.ok) return started;
  const result = await feed(parts, started.value, input);
  // A completed sequence is gone by itself; an unfinished one holds a transient place until it is flushed.
  if (!result.ok) await parts.flush(started.value);
  return result;
}

async function feed(parts: HmacParts, sequence: number, input: ChunkedInput): Promise<Result<Uint8Array>> {
  const { data, chunkBytes } = input;
  let offset = 0;
  for (; data.length - offset > chunkBytes; offset += chunkBytes) {
    const parameters = [sized(data.subarray(offset, offset + chunkBytes))];
    const updated = done(
      await parts.run({ code: cc.sequenceUpdate, handles: [sequence], sessions: ['password'], parameters }),
    );
    if (!updated.ok) return updated;
  }
  const parameters = [sized(data.subarray(offset)), uint32(rh.null)];
  return read(
    await parts.run({ code: cc.sequenceComplete, handles: [sequence], sessions: ['password'], parameters }),
    (answer) => readSized(answer),
  );
}
