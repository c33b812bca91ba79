/** The state file of the software TPM: what a real one keeps in its non-volatile memory. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { fromBase64, toBase64 } from '../../../lib/base/bytes.ts';
import { ok, type Result } from '../../../lib/base/result.ts';
import { writeDurable } from '../../../lib/files/durable-file.ts';
import { decodePublic } from '../../../lib/tpm/public-area.ts';
import { linkFailed, systemCode } from '../faults.ts';
import type { TpmKey } from './object.ts';

export interface Primary {
  /** Which template in which hierarchy gives this key: SHA-256, in hexadecimal. */
  readonly template: string;
  readonly privateKey: Uint8Array;
  readonly seed: Uint8Array;
}

export interface TpmState {
  readonly primaries: readonly Primary[];
  readonly persistent: ReadonlyMap<number, TpmKey>;
  /** DER, at NV index 0x01C00002. */
  readonly ekCertificate?: Uint8Array;
}

export const emptyState: TpmState = { primaries: [], persistent: new Map() };

// Two RSA keys and a handful of persistent objects take about 8 kB.
const maxStateBytes = 262_144;

const bytes = z.string().transform((text, context) => {
  const value = fromBase64(text);
  if (value !== undefined) return value;
  context.addIssue({ code: 'custom', message: 'not base64' });
  return z.NEVER;
});
const publicArea = bytes.refine((value) => decodePublic(value).ok, 'not a TPM2B_PUBLIC');
const handle = z.number().int().min(0).max(0xffffffff);
const storageKey = z.object({
  kind: z.literal('storage'),
  publicArea,
  hierarchy: handle,
  privateKey: bytes,
  seed: bytes,
});
const hmacKey = z.object({
  kind: z.literal('hmac'),
  publicArea,
  hierarchy: handle,
  auth: bytes,
  obfuscation: bytes,
  key: bytes,
});
const stateFile = z.object({
  format: z.literal('benchline-software-tpm-1'),
  primaries: z.array(z.object({ template: z.string(), privateKey: bytes, seed: bytes })),
  persistent: z.array(z.object({ handle, object: z.discriminatedUnion('kind', [storageKey, hmacKey]) })),
  ekCertificate: bytes.optional(),
});

/** Undefined when there is no such file. */
export async function readState(path: string): Promise<Result<TpmState | undefined>> {
  let text: string;
  try {
    const file = await readFile(path);
    if (file.length > maxStateBytes) return linkFailed('tpm-state-unreadable', { reason: 'too long' });
    text = file.toString('utf8');
  } catch (error) {
    const reason = systemCode(error);
    return reason === 'ENOENT' ? ok(undefined) : linkFailed('tpm-state-unreadable', { reason });
  }
  const parsed = stateFile.safeParse(parseJson(text));
  if (!parsed.success) return linkFailed('tpm-state-unreadable', { reason: 'not a state file' });
  const { primaries, persistent, ekCertificate } = parsed.data;
  return ok({
    primaries,
    persistent: new Map(persistent.map((kept) => [kept.handle, kept.object])),
    ...(ekCertificate === undefined ? {} : { ekCertificate }),
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** After a power cut the file is the old one or the new one. */
export async function writeState(path: string, state: TpmState): Promise<Result<void>> {
  try {
    await writeDurable(path, stateText(state));
    return ok();
  } catch (error) {
    return linkFailed('tpm-state-unwritable', { reason: systemCode(error) });
  }
}

function stateText(state: TpmState): string {
  const plain = {
    format: 'benchline-software-tpm-1',
    primaries: state.primaries,
    persistent: [...state.persistent].map(([at, object]) => ({ handle: at, object })),
    // Here already: a Buffer, which it may be, would have turned itself into an object before `encode` sees it.
    ekCertificate: state.ekCertificate === undefined ? undefined : toBase64(state.ekCertificate),
  };
  const encode = (_key: string, value: unknown): unknown => (value instanceof Uint8Array ? toBase64(value) : value);
  return `${JSON.stringify(plain, encode, 2)}\n`;
}
