/**
 * The grammar of a batch's serial numbers: the part of JavaScript's regular expressions that labels need, matched in
 * time that grows with text times pattern. A native RegExp can backtrack for hours on a pattern that a supervisor
 * typed in good faith, and nothing can stop it; so only single characters are ever handed to one.
 */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { batchFault } from './faults.ts';
import type { SerialNumber } from './model.ts';

export interface SerialPattern {
  /** The serial number that the scanned text is, white space around it taken away; undefined when it is none. */
  parse(text: string): SerialNumber | undefined;
}

type Node =
  | { readonly kind: 'one'; accepts(character: string): boolean }
  | { readonly kind: 'all'; readonly parts: readonly Node[] }
  | { readonly kind: 'any'; readonly choices: readonly Node[] }
  | { readonly kind: 'repeat'; readonly body: Node; readonly min: number; readonly max: number };

// Longer than any label we know (SGTIN-198 text has 20 characters); the registration id made from it may have 128.
const maxSerialLength = 64;
const maxPatternLength = 200; // as the contract says
// Each level multiplies the work by the text's length: (AB-){2,4} inside one more group is all that labels use.
const maxNesting = 4;
const maxNestedRepeats = 2;

class Malformed extends Error {}

export function parseSerialPattern(source: string): Result<SerialPattern> {
  try {
    if (source.length > maxPatternLength) throw new Malformed(`it is longer than ${maxPatternLength} characters`);
    const root = new PatternReader(source.replace(/^\^/, '').replace(/(?<!\\)\$$/, '')).read();
    return ok({
      parse(text) {
        const serial = text.trim();
        if (serial.length === 0 || serial.length > maxSerialLength) return undefined;
        const characters = Array.from(serial);
        return ends(root, new Set([0]), characters).has(characters.length) ? (serial as SerialNumber) : undefined;
      },
    });
  } catch (error) {
    if (error instanceof Malformed) return failed(batchFault('serial-pattern-malformed', { reason: error.message }));
    throw error;
  }
}

/** Every position at which `node` can end when it begins at one of `starts`. */
function ends(node: Node, starts: ReadonlySet<number>, text: readonly string[]): ReadonlySet<number> {
  switch (node.kind) {
    case 'one':
      return new Set(Array.from(starts).flatMap((at) => (accepted(node, text[at]) ? [at + 1] : [])));
    case 'all':
      return node.parts.reduce((at, part) => ends(part, at, text), starts);
    case 'any':
      return new Set(node.choices.flatMap((choice) => Array.from(ends(choice, starts, text))));
    case 'repeat':
      return repeated(node, starts, text);
  }
}

function accepted(node: Node & { kind: 'one' }, character: string | undefined): boolean {
  return character !== undefined && node.accepts(character);
}

function repeated(
  node: Node & { kind: 'repeat' },
  starts: ReadonlySet<number>,
  text: readonly string[],
): ReadonlySet<number> {
  let at = starts;
  for (let count = 0; count < node.min && at.size > 0; count += 1) at = ends(node.body, at, text);
  const reached = new Set(at);
  // Each further round adds positions that were not reached before, so there are at most as many as characters.
  for (let count = node.min; count < node.max && at.size > 0; count += 1) {
    at = new Set(Array.from(ends(node.body, at, text)).filter((position) => !reached.has(position)));
    for (const position of at) reached.add(position);
  }
  return reached;
}

class PatternReader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  read(): Node {
    const root = this.#choices(0);
    if (this.#at < this.#source.length) throw new Malformed('a ) has no (');
    if (nestedRepeats(root) > maxNestedRepeats) throw new Malformed('repeats are nested too deep');
    return root;
  }

  #choices(depth: number): Node {
    if (depth > maxNesting) throw new Malformed('groups are nested too deep');
    const choices = [this.#sequence(depth)];
    while (this.#take('|')) choices.push(this.#sequence(depth));
    return { kind: 'any', choices };
  }

  #sequence(depth: number): Node {
    const parts: Node[] = [];
    for (let next = this.#peek(); next !== '' && next !== '|' && next !== ')'; next = this.#peek()) {
      parts.push(this.#quantified(this.#atom(depth)));
    }
    return { kind: 'all', parts };
  }

  #atom(depth: number): Node {
    if (this.#take('(')) {
      if (this.#take('?') && !this.#take(':')) throw new Malformed('only plain groups are known');
      const group = this.#choices(depth + 1);
      if (!this.#take(')')) throw new Malformed('a ( is not closed');
      return group;
    }
    const single = /^(?:\[(?:\\.|[^\]\\])+\]|\\[dDwWsS]|\\[^A-Za-z0-9]|[^\\^$*+?{}[\]()|])/u.exec(this.#rest());
    if (single === null) throw new Malformed(`"${this.#rest().slice(0, 8)}" is not understood`);
    this.#at += single[0].length;
    return { kind: 'one', accepts: singleCharacter(single[0]) };
  }

  #quantified(body: Node): Node {
    const quantifier = /^(?:[*+?]|\{(\d{1,3})(?:(,)(\d{1,3})?)?\})\??/.exec(this.#rest());
    if (quantifier === null) return body;
    this.#at += quantifier[0].length;
    const [symbol, least, comma, most] = quantifier;
    const min = least === undefined ? Number(symbol.startsWith('+')) : Number(least);
    const max = least === undefined ? (symbol.startsWith('?') ? 1 : maxSerialLength) : upper(min, comma, most);
    if (min > maxSerialLength || max < min) throw new Malformed(`${symbol} cannot be reached`);
    return { kind: 'repeat', body, min, max };
  }

  #rest(): string {
    return this.#source.slice(this.#at);
  }

  #peek(): string {
    return this.#source.charAt(this.#at);
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at += 1;
    return true;
  }
}

function upper(min: number, comma: string | undefined, most: string | undefined): number {
  if (comma === undefined) return min;
  return most === undefined ? maxSerialLength : Number(most);
}

function singleCharacter(source: string): (character: string) => boolean {
  try {
    const pattern = new RegExp(`^${source}$`, 'u');
    return (character) => pattern.test(character);
  } catch {
    throw new Malformed(`${source} is not understood`);
  }
}

function nestedRepeats(node: Node): number {
  switch (node.kind) {
    case 'one':
      return 0;
    case 'all':
      return Math.max(0, ...node.parts.map(nestedRepeats));
    case 'any':
      return Math.max(0, ...node.choices.map(nestedRepeats));
    case 'repeat':
      return 1 + nestedRepeats(node.body);
  }
}
