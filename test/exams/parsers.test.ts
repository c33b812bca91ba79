/** The list of `npm run soak`, shortly and by a fixed seed. */
import { describe, expect, it } from 'vitest';
import { tryParser } from '../soak/inputs.ts';
import { listParsers } from '../soak/parsers.ts';

const parsers = await listParsers();

describe('a parser of what a stranger sends refuses what it cannot read without a throw, and in time', () => {
  it.each(parsers)('$name', (parser) => {
    expect(() => {
      tryParser(parser, { seed: 3, inputs: 300, limitMs: 1_000 });
    }).not.toThrow();
  });

  it.each(parsers)('$name reads its own samples', (parser) => {
    expect(parser.samples.every((sample) => parser.read(sample) !== undefined)).toBe(true);
  });
});
