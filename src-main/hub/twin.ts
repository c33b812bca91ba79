/** A device's twin: tags, desired and reported properties, each change counted (dps-wire section 10.1). */
import { failed, ok, type Result } from '../lib/base/result.ts';
import { tooLargeForTwin, unfitInTwin } from '../lib/dps/twin-limits.ts';
import { hubFault, type HubFault } from './hub-fault.ts';
import { isObject, type JsonObject } from './json.ts';

export interface TwinSection {
  readonly values: JsonObject;
  readonly metadata: JsonObject;
  readonly version: number;
}

export interface Twin {
  readonly tags: JsonObject;
  readonly desired: TwinSection;
  readonly reported: TwinSection;
  /** Counts every change of tags or properties. */
  readonly version: number;
}

export type TwinChange =
  | { readonly part: 'tags'; readonly values: JsonObject; readonly how: 'merge' | 'replace' }
  | { readonly part: 'desired' | 'reported'; readonly values: JsonObject; readonly how: 'merge' | 'replace' };

export function newTwin(nowIso: string): Twin {
  const empty = { values: {}, metadata: { $lastUpdated: nowIso }, version: 1 };
  return { tags: {}, desired: empty, reported: empty, version: 1 };
}

/** All changes or none. Members whose name begins with `$` are the hub's own and are passed over at the top level. */
export function changeTwin(twin: Twin, changes: readonly TwinChange[], nowIso: string): Result<Twin, HubFault> {
  let changed: Twin = { ...twin, version: twin.version + 1 };
  for (const change of changes) {
    const values = withoutOwn(change.values);
    const complaint = unfitInTwin(values);
    if (complaint !== undefined) return failed(hubFault('ArgumentInvalid', { reason: complaint }));
    changed = applied(changed, { ...change, values }, nowIso);
    const tooLarge = tooLargeForTwin(change.part, partOf(changed, change.part));
    if (tooLarge !== undefined) return failed(hubFault('ArgumentInvalid', { reason: tooLarge }));
  }
  return ok(changed);
}

function partOf(twin: Twin, part: TwinChange['part']): JsonObject {
  return part === 'tags' ? twin.tags : twin[part].values;
}

function applied(twin: Twin, change: TwinChange, nowIso: string): Twin {
  if (change.part === 'tags') {
    const base = change.how === 'merge' ? twin.tags : {};
    return { ...twin, tags: merged(base, change.values) };
  }
  const before = twin[change.part];
  const version = before.version + 1;
  const stamp: JsonObject =
    change.part === 'desired' ? { $lastUpdated: nowIso, $lastUpdatedVersion: version } : { $lastUpdated: nowIso };
  const replace = change.how === 'replace';
  const section: TwinSection = {
    values: merged(replace ? {} : before.values, change.values),
    metadata: { ...stamped(replace ? {} : before.metadata, change.values, stamp), ...stamp },
    version,
  };
  return { ...twin, [change.part]: section };
}

/** RFC 7396: objects merge, null deletes, anything else replaces. */
function merged(base: JsonObject, patch: JsonObject): JsonObject {
  const result = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      result.delete(key);
    } else if (isObject(value)) {
      const old = result.get(key);
      result.set(key, merged(isObject(old) ? old : {}, value));
    } else {
      result.set(key, value);
    }
  }
  // fromEntries defines members and never calls a setter, so a key named __proto__ stays a plain member
  return Object.fromEntries(result);
}

function stamped(base: JsonObject, patch: JsonObject, stamp: JsonObject): JsonObject {
  const result = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      result.delete(key);
      continue;
    }
    const old = result.get(key);
    const below = isObject(value) ? stamped(isObject(old) ? old : {}, value, stamp) : {};
    result.set(key, { ...below, ...stamp });
  }
  return Object.fromEntries(result);
}

function withoutOwn(values: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !key.startsWith('$')));
}

/** The members with `$version`, as a device sees them. */
export function deviceView(twin: Twin): JsonObject {
  return {
    desired: { ...twin.desired.values, $version: twin.desired.version },
    reported: { ...twin.reported.values, $version: twin.reported.version },
  };
}

/** The members with `$metadata` and `$version`, as a service sees them. */
export function serviceView(section: TwinSection): JsonObject {
  return { ...section.values, $metadata: section.metadata, $version: section.version };
}
