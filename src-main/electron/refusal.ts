/** Why a station did not start, as the last line of its log tells it. */
import { z } from 'zod';
import type { Fault } from '../lib/base/fault.ts';

const Refusal = z.object({
  event: z.literal('station-not-started'),
  code: z.string().max(80),
  say: z.string().max(4_000),
  hint: z.string().max(4_000).default(''),
});

export function refusalIn(line: string): Fault | undefined {
  if (!line.includes('station-not-started')) return undefined;
  try {
    const read = Refusal.safeParse(JSON.parse(line)).data;
    return read === undefined ? undefined : { code: read.code, say: read.say, hint: read.hint };
  } catch {
    return undefined; // some other line with these words
  }
}
