/** TPMT_SENSITIVE of a keyed-hash object (Part 2, clause 12.3.2), and whether it belongs to a public area. */
import { createHash } from 'node:crypto';
import { ByteReader, concatBytes, equalBytes, uint16 } from '../../../lib/base/bytes.ts';
import { alg } from '../../../lib/tpm/constants.ts';
import type { KeyedHashArea } from '../../../lib/tpm/public-area.ts';
import { readSized, sized } from '../../../lib/tpm/wire.ts';

export interface Sensitive {
  readonly auth: Uint8Array;
  readonly obfuscation: Uint8Array;
  readonly key: Uint8Array;
}

// MAX_SYM_DATA and a digest (Part 2, clauses 11.1.13 and 10.4.2)
const maxKeyBytes = 128;
const maxAuthBytes = 32;

/** Reads a sized TPMT_SENSITIVE; undefined when it is not one of a keyed-hash object. */
export function readSensitive(reader: ByteReader): Sensitive | undefined {
  const body = new ByteReader(readSized(reader) ?? new Uint8Array(0));
  const type = body.uint16();
  const auth = readSized(body);
  const obfuscation = readSized(body);
  const key = readSized(body);
  if (type !== alg.keyedHash || auth === undefined || obfuscation === undefined || key === undefined) return undefined;
  if (body.remaining > 0 || auth.length > maxAuthBytes || key.length > maxKeyBytes) return undefined;
  return { auth, obfuscation, key };
}

export function encodeSensitive(sensitive: Sensitive): Uint8Array<ArrayBuffer> {
  const { auth, obfuscation, key } = sensitive;
  return sized(uint16(alg.keyedHash), sized(auth), sized(obfuscation), sized(key));
}

/** `unique` is the hash over the obfuscation value and the key (Part 1, clause 27.5.3.2). */
export function belongsTo(sensitive: Sensitive, area: KeyedHashArea): boolean {
  const unique = createHash('sha256').update(concatBytes(sensitive.obfuscation, sensitive.key)).digest();
  return equalBytes(unique, area.unique);
}
