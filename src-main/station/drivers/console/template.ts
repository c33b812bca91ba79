/**
 * Texts with names in braces: filled to make a command, matched to read a line. Matching never goes back, so it takes time
 * that grows with the line alone: a name takes all characters of its kind, and what stands behind it must follow.
 */

/** What a name may stand for in a line. */
const kinds = {
  digits: /[0-9]/,
  hex: /[0-9A-Fa-f]/,
  base64: /[A-Za-z0-9+/=]/,
  base64url: /[A-Za-z0-9_-]/,
  word: /[A-Za-z0-9_.:-]/,
  /** Everything up to the text that stands behind it. */
  text: /[^\n]/,
} as const;
export type Kind = keyof typeof kinds;

export type Part = string | { readonly name: string; readonly kind: Kind };

const maxTemplateChars = 2_000;

/** Undefined when a brace or a kind is not understood; the name alone has the kind `text`. */
export function parseTemplate(source: string): readonly Part[] | undefined {
  if (source.length > maxTemplateChars) return undefined;
  const parts: Part[] = [];
  for (let at = 0; at < source.length;) {
    const brace = source.indexOf('{', at);
    if (brace < 0) return [...parts, source.slice(at)];
    if (brace > at) parts.push(source.slice(at, brace));
    const end = source.indexOf('}', brace);
    const [, name, kind = 'text'] =
      /^\{([A-Za-z][A-Za-z0-9]{0,31})(?::([a-z0-9]+))?\}$/.exec(source.slice(brace, end + 1)) ?? [];
    if (name === undefined || !isKind(kind)) return undefined;
    // Two names side by side: nobody could say where the first one ends.
    const before = parts.at(-1);
    if (before !== undefined && typeof before !== 'string') return undefined;
    parts.push({ name, kind });
    at = end + 1;
  }
  return parts;
}

export function namesIn(parts: readonly Part[]): readonly string[] {
  return parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
}

/** Undefined when a name has no value. */
export function fill(parts: readonly Part[], values: ReadonlyMap<string, string>): string | undefined {
  const filled = parts.map((part) => (typeof part === 'string' ? part : values.get(part.name)));
  return filled.includes(undefined) ? undefined : filled.join('');
}

/** What the names stand for when the whole line fits; a name that has a value already stands for that value alone. */
export function match(
  parts: readonly Part[],
  line: string,
  known: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>();
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const fixed = typeof part === 'string' ? part : known.get(part.name);
    if (fixed !== undefined) {
      const end = afterText(line, at, fixed);
      if (end === undefined) return undefined;
      at = end;
      continue;
    }
    if (typeof part === 'string') return undefined;
    const end = endOfValue(line, at, part.kind, parts[index + 1]);
    if (end === at) return undefined;
    found.set(part.name, line.slice(at, end).trim());
    at = end;
  }
  return line.slice(at).trim() === '' ? found : undefined;
}

/** Blanks do not count on either side: firmware versions differ in them (`%CMNG: 1, 0` and `%CMNG: 1,0`). */
function afterText(line: string, from: number, text: string): number | undefined {
  let at = from;
  for (const character of text) {
    if (character === ' ') continue;
    while (line[at] === ' ') at += 1;
    if (line[at] !== character) return undefined;
    at += 1;
  }
  return at;
}

function endOfValue(line: string, from: number, kind: Kind, next: Part | undefined): number {
  if (kind === 'text') {
    const end = typeof next === 'string' ? line.indexOf(next.trim() === '' ? next : next.trim(), from) : line.length;
    return end < 0 ? from : end;
  }
  let at = from;
  // A blank before a value is no part of it.
  while (line[at] === ' ') at += 1;
  const first = at;
  while (at < line.length && kinds[kind].test(line.charAt(at))) at += 1;
  return at === first ? from : at;
}

function isKind(text: string): text is Kind {
  return Object.hasOwn(kinds, text);
}
