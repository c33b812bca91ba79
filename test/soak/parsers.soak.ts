/** Every parser of what a stranger sends, with inputs made from good ones: none may throw, none may take long. */
import { tryParser } from './inputs.ts';
import { listParsers } from './parsers.ts';
import type { Soak, SoakCount } from './runner.ts';

// Per input: the costliest honest one, a chain of three, takes some 3 ms.
const limitMs = 250;

export const parsers: Soak = {
  name: 'parsers',
  about: 'every parser of what a stranger sends, with broken inputs; never a throw, never more than 250 ms for one',
  async run({ seed, scale, say }) {
    const counts: SoakCount[] = [];
    for (const parser of await listParsers()) {
      say(parser.name);
      const inputs = Math.max(1, Math.round(parser.inputs * scale));
      tryParser(parser, { seed, inputs, limitMs });
      counts.push({ name: parser.name, count: inputs });
    }
    return counts;
  },
};
