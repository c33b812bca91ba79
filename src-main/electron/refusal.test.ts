import { expect, it } from 'vitest';
import { refusalIn } from './refusal.ts';

it('a refused start is read from the log; other lines are none', () => {
  const fault = { code: 'data-folder-in-use', say: 'It is in use.', hint: 'Close the other.' };
  expect(refusalIn(JSON.stringify({ time: 't', level: 'error', event: 'station-not-started', ...fault }))).toEqual(
    fault,
  );
  expect(refusalIn('station-not-started, says somebody')).toBeUndefined();
  expect(refusalIn(JSON.stringify({ event: 'said', line: 'station-not-started' }))).toBeUndefined();
});
