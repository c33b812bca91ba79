/** A parcel: SHA-256 of the content, then the content [LINK-6.1]. Chunks move parcels; whoever has one whole checks it. */
import { createHash } from 'node:crypto';
import { concatBytes, equalBytes } from '../base/bytes.ts';

export const parcelHashBytes = 32;

export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(bytes).digest());
}

export function packParcel(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(sha256(content), content);
}

/** The content; undefined when the hash is not that of the content. */
export function openParcel(parcel: Uint8Array): Uint8Array | undefined {
  if (parcel.length < parcelHashBytes) return undefined;
  const content = parcel.slice(parcelHashBytes);
  return equalBytes(sha256(content), parcel.subarray(0, parcelHashBytes)) ? content : undefined;
}

/** [LINK-6.3] The request id on the wire: the first 16 bytes of the SHA-256 of its text. */
export function wireRequestId(requestId: string): Uint8Array {
  return sha256(new TextEncoder().encode(requestId)).slice(0, wireRequestIdBytes);
}

export const wireRequestIdBytes = 16;
