/** Reads what a maker left in the TPM's own memory, such as the EK certificate (TCG EK Credential Profile). */
import { ByteReader, concatBytes, uint16 } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { cc, pt, rh } from './constants.ts';
import { read, type Run } from './exchange.ts';
import { tpmFailed } from './faults.ts';
import { readSized } from './wire.ts';

/** TPMA_NV_OWNERREAD and TPMA_NV_AUTHREAD (Part 2, clause 13.4). */
const ownerRead = 1 << 17;
const authRead = 1 << 18;

// A TPM's answer never exceeds 4,096 bytes, and the smallest buffer met in the field is 512.
const maxChunkBytes = 1_024;

export interface NvParts {
  readonly run: Run;
  property(property: number): Promise<Result<number>>;
}

export async function readNvIndex(parts: NvParts, index: number): Promise<Result<Uint8Array>> {
  const area = await readNvPublic(parts.run, index);
  if (!area.ok) return area;
  const { attributes, size } = area.value;
  const authority = readAuthority(attributes, index);
  if (authority === undefined) return tpmFailed('tpm-nv-refused', { rcName: 'no read without a password' });
  const bufferMax = await parts.property(pt.nvBufferMax);
  if (!bufferMax.ok) return bufferMax;
  const chunkBytes = Math.max(1, Math.min(bufferMax.value, maxChunkBytes));
  const chunks: Uint8Array[] = [];
  // `size` is a UINT16 and each turn reads at least one byte, so this ends.
  for (let offset = 0; offset < size; offset += chunkBytes) {
    const wanted = Math.min(chunkBytes, size - offset);
    const answer = await parts.run({
      code: cc.nvRead,
      handles: [authority, index],
      sessions: ['password'],
      parameters: [uint16(wanted), uint16(offset)],
    });
    const chunk = read(answer, (body) => ofLength(readSized(body), wanted));
    if (!chunk.ok) return chunk;
    chunks.push(chunk.value);
  }
  return ok(concatBytes(...chunks));
}

/** TPMS_NV_PUBLIC (Part 2, clause 13.5). */
async function readNvPublic(run: Run, index: number): Promise<Result<{ attributes: number; size: number }>> {
  return read(await run({ code: cc.nvReadPublic, handles: [index] }), (answer) => {
    const area = new ByteReader(readSized(answer) ?? new Uint8Array(0));
    const nvIndex = area.uint32();
    const nameAlg = area.uint16();
    const attributes = area.uint32();
    const policy = readSized(area);
    const size = area.uint16();
    if (nvIndex !== index || nameAlg === undefined || policy === undefined) return undefined;
    return attributes === undefined || size === undefined ? undefined : { attributes, size };
  });
}

function readAuthority(attributes: number, index: number): number | undefined {
  if ((attributes & authRead) !== 0) return index;
  return (attributes & ownerRead) === 0 ? undefined : rh.owner;
}

function ofLength(bytes: Uint8Array | undefined, length: number): Uint8Array | undefined {
  return bytes?.length === length ? bytes : undefined;
}
