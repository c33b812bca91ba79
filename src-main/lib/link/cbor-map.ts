/** CBOR maps as SMP bodies and parcel contents: strict, bounded by the packet or parcel around them [LINK-3.2]. */
import { decode, encode } from 'cborg';

export type CborMap = ReadonlyMap<string, unknown>;

/** Definite lengths, shortest forms, keys ordered (RFC 8949 section 4.2.3); members that are undefined are left out. */
export function encodeMap(members: Readonly<Record<string, unknown>>): Uint8Array {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return encode(new Map(entries));
}

/** Undefined when it is anything but one well-formed map with text keys, each once. Indefinite lengths are taken. */
export function decodeMap(bytes: Uint8Array): CborMap | undefined {
  try {
    const value: unknown = decode(bytes, {
      useMaps: true,
      strict: true,
      rejectDuplicateMapKeys: true,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
      allowBigInt: false,
    });
    return isTextMap(value) ? value : undefined;
  } catch {
    // cborg throws on bytes that are not CBOR: expected on a damaged or hostile line.
    return undefined;
  }
}

export function isTextMap(value: unknown): value is CborMap {
  return value instanceof Map && [...value.keys()].every((key) => typeof key === 'string');
}

/** A whole number from 0 up to `max`. */
export function uintAt(map: CborMap, key: string, max: number): number | undefined {
  const value = map.get(key);
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max ? value : undefined;
}

export function bytesAt(map: CborMap, key: string): Uint8Array | undefined {
  const value = map.get(key);
  return value instanceof Uint8Array ? Uint8Array.from(value) : undefined;
}

/** At most `maxLength` UTF-16 units, without control characters: it may end on a screen or in a log. */
export function textAt(map: CborMap, key: string, maxLength: number): string | undefined {
  const value = map.get(key);
  if (typeof value !== 'string' || value.length > maxLength) return undefined;
  return /\p{Cc}/u.test(value) ? undefined : value;
}

/** An array of at most `maxCount` members that `is` accepts; other members are left out. */
export function listAt<T>(
  map: CborMap,
  key: string,
  maxCount: number,
  is: (member: unknown) => member is T,
): readonly T[] | undefined {
  const value = map.get(key);
  return Array.isArray(value) && value.length <= maxCount ? value.filter(is) : undefined;
}
