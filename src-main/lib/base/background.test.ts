import { describe, expect, it } from 'vitest';
import { inBackground, nameOf } from './background.ts';
import { jsonLog } from './log.ts';

/** One turn of the event loop: everything that was settled has been heard of. */
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

function recorded() {
  const lines: unknown[] = [];
  return { lines, log: jsonLog((line) => lines.push(JSON.parse(line)), () => 'now') }; // prettier-ignore
}
const line = (error: string) => ({ time: 'now', level: 'error', event: 'work-broke', error });

describe('work in the background', () => {
  it('that rejects or throws at once is told by the name of its error, and ends what it was for', async () => {
    const { lines, log } = recorded();
    let ended = 0;
    const end = () => void (ended += 1);
    inBackground(log, 'work-broke', async () => Promise.reject(new TypeError('key=secret')), end);
    const throws = (): Promise<void> => {
      throw new RangeError('key=secret');
    };
    inBackground(log, 'work-broke', throws, end);
    await turn();
    expect(lines).toHaveLength(2);
    expect(lines).toEqual(expect.arrayContaining([line('TypeError'), line('RangeError')]));
    expect(ended).toBe(2);
  });

  it('that ends well, or that there is no room for, says nothing and ends nothing', async () => {
    const { lines, log } = recorded();
    let ended = 0;
    const end = () => void (ended += 1);
    inBackground(log, 'work-broke', async () => 1, end);
    inBackground(log, 'work-broke', () => undefined, end);
    await turn();
    expect([lines, ended]).toEqual([[], 0]);
  });

  it('whose end breaks too is told twice and rejects nowhere', async () => {
    const { lines, log } = recorded();
    const broken = () => {
      throw new RangeError('key=secret');
    };
    inBackground(log, 'work-broke', async () => Promise.reject(new TypeError('key=secret')), broken);
    await turn();
    expect(lines).toEqual([line('TypeError'), line('RangeError')]);
  });
});

it('what is thrown and is no error is told by its type', () => {
  expect([nameOf('key=secret'), nameOf(undefined), nameOf(new SyntaxError('x'))]).toEqual([
    'string',
    'undefined',
    'SyntaxError',
  ]);
});
