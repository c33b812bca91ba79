/** JSON that a stranger sent. */

// The deepest honest body, a bulk of enrollments with twins of ten levels, has some 20; recursion and JSON.stringify,
// which follow in the store, bear some thousands.
const maxDepth = 64;
// A twin of 32 kB has some 3,000 members and elements, a bulk of ten of them 30,000; each costs whoever looks at it
// some microseconds, and a body of 512 kB has room for 250,000.
const usualValues = 32_768;

/** Undefined when the text is no JSON, or is nested deeper or has more members than any honest sender's. */
export function parseJson(text: string, maxValues = usualValues): { readonly value: unknown } | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return isWithinBounds(value, maxValues) ? { value } : undefined;
  } catch {
    return undefined;
  }
}

/** Level by level and without recursion: how deep it is, is the sender's choice. */
function isWithinBounds(value: unknown, maxValues: number): boolean {
  let level: readonly unknown[] = [value];
  let left = maxValues;
  for (let depth = 0; depth <= maxDepth; depth += 1) {
    level = level.flatMap((each) =>
      typeof each === 'object' && each !== null ? (Object.values(each) as unknown[]) : [],
    );
    if (level.length === 0) return true;
    left -= level.length;
    if (left < 0) return false;
  }
  return false;
}
