/** What an IoT hub takes as a twin: for the hub, and for whoever would send it one (dps-wire 10.1). */
import { utf8 } from '../base/bytes.ts';

// IoT Hub's own limits: 32 kB a property section, 8 kB of tags, ten levels, names of 1 kB, strings of 4 kB.
const maxTwinBytes = { tags: 8_192, desired: 32_768, reported: 32_768 } as const;
const maxDepth = 10;
const maxKeyBytes = 1_024;
const maxStringBytes = 4_096;
// eslint-disable-next-line no-control-regex -- control characters are what the rule forbids in a key
const forbiddenInKey = /[\u0000-\u001f\u007f-\u009f.$ ]/;

export type TwinPart = keyof typeof maxTwinBytes;

/** Why a part of a twin, whole, cannot be kept, if it cannot. */
export function unfitAsTwin(part: TwinPart, values: object): string | undefined {
  return unfitInTwin(values) ?? tooLargeForTwin(part, values);
}

export function tooLargeForTwin(part: TwinPart, values: object): string | undefined {
  const limit = maxTwinBytes[part];
  return utf8(JSON.stringify(values)).length > limit ? `${part} would be larger than ${limit} bytes` : undefined;
}

/** Why the values cannot be kept in any part, if they cannot; how large they are together is another matter. */
export function unfitInTwin(values: object): string | undefined {
  return unfit(values, 1);
}

/** `$version` and `$metadata` are the hub's own. */
export function withoutSystem(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !name.startsWith('$')));
}

function unfit(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') {
    return utf8(value).length > maxStringBytes ? `a string is longer than ${maxStringBytes} bytes` : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return firstComplaint(value, depth);
  for (const key of Object.keys(value)) {
    if (key === '' || forbiddenInKey.test(key))
      return 'a name may not be empty or hold a dot, a dollar sign or a space';
    if (utf8(key).length > maxKeyBytes) return `a name is longer than ${maxKeyBytes} bytes`;
  }
  return firstComplaint(Object.values(value), depth);
}

function firstComplaint(values: readonly unknown[], depth: number): string | undefined {
  if (depth > maxDepth) return `it is nested deeper than ${maxDepth} levels`;
  for (const value of values) {
    const complaint = unfit(value, depth + 1);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}
