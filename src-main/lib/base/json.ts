/** JSON that a stranger sent. */

// The deepest honest body, a bulk of enrollments with twins of ten levels, has some 20; recursion and JSON.stringify,
// which follow in the store, bear some thousands.
const maxDepth = 64;

/** Undefined when the text is no JSON, or nested deeper than any honest sender's. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return isWithinDepth(value) ? { value } : undefined;
  } catch {
    return undefined;
  }
}

/** Level by level and without recursion: how deep it is, is the sender's choice. */
function isWithinDepth(value: unknown): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; depth <= maxDepth; depth += 1) {
    level = level.flatMap((each) =>
      typeof each === 'object' && each !== null ? (Object.values(each) as unknown[]) : [],
    );
    if (level.length === 0) return true;
  }
  return false;
}
