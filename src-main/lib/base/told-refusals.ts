/** What was said of whom, so that a log says it once: by source and id, until that id is right there. */
import { maxIdLength, type Attempt } from './attempt-limits.ts';
import { networkOf } from './network.ts';

export interface ToldRefusals {
  /** `news`: all that makes the line another one. */
  has(attempt: Attempt, code: string, news: string): boolean;
  add(attempt: Attempt, code: string, news: string): void;
  forget(attempt: Attempt): void;
}

// Some 600 bytes each: 6 MB at the most. What is forgotten is said again.
const maxTold = 10_000;

export function createToldRefusals(): ToldRefusals {
  // In order of the last news; the first is the one to go.
  const told = new Map<string, ReadonlySet<string>>();
  // A source that is throttled is so for every id it invents: once is enough.
  const keyBy = (attempt: Attempt, code: string): string =>
    code === 'throttled' ? networkOf(attempt.source) : keyFor(attempt);
  return {
    has: (attempt, code, news) => told.get(keyBy(attempt, code))?.has(news) === true,
    add(attempt, code, news) {
      const key = keyBy(attempt, code);
      const before = told.get(key);
      const [oldest] = told.keys();
      if (before === undefined && told.size >= maxTold && oldest !== undefined) told.delete(oldest);
      told.delete(key);
      told.set(key, new Set([...(before ?? []), news]));
    },
    forget(attempt) {
      told.delete(keyFor(attempt));
      told.delete(networkOf(attempt.source));
    },
  };
}

function keyFor({ source, id }: Attempt): string {
  return `${networkOf(source)} ${id.slice(0, maxIdLength)}`;
}
