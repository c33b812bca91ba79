/** JSON as it comes from a wire, and the few safe ways to look into it. */
import { parseJson as parseStrangers } from '../lib/base/json.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// A hundred devices of a bulk call with a twin of 32 kB each, some 3,000 members and elements.
const maxValues = 327_680;

/** Undefined when the text is not JSON, or nested deeper or larger than any honest caller's. */
export function parseJson(text: string): Json | undefined {
  return parseStrangers(text, maxValues)?.value as Json | undefined;
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
