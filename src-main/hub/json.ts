/** JSON as it comes from a wire, and the few safe ways to look into it. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// A twin in a bulk call is 13 levels deep at the most; what recursion and JSON.stringify can bear is some thousands.
const maxJsonDepth = 64;

/** Undefined when the text is not JSON, or nested deeper than any honest caller's. */
export function parseJson(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return isWithinDepth(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Level by level and without recursion: the depth is the caller's. */
function isWithinDepth(value: Json): boolean {
  let level: readonly Json[] = [value];
  for (let depth = 0; depth <= maxJsonDepth; depth += 1) {
    const below = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []));
    if (below.length === 0) return true;
    level = below;
  }
  return false;
}

/** The member itself, never an inherited one. */
export function member(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function textMember(object: JsonObject, key: string): string | undefined {
  const value = member(object, key);
  return typeof value === 'string' ? value : undefined;
}

export function objectMember(object: JsonObject, key: string): JsonObject | undefined {
  const value = member(object, key);
  return isObject(value) ? value : undefined;
}
