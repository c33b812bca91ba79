import { describe, expect, it } from 'vitest';
import { ipAddress, parseOptions, wholeNumber } from './options.ts';
import { serviceVerb } from './service.ts';
import { startVerb } from './start.ts';

describe('the options of a verb', () => {
  it('take a negative number for what it is: out of range', () => {
    const parsed = parseOptions(['--units', '-1'], ['units']);
    expect(parsed).toMatchObject({ ok: true, value: { values: { units: '-1' } } });
    expect(wholeNumber('units', '-1', { from: 1, to: 16 })).toMatchObject({
      fault: { code: 'option-wrong', hint: 'It must be a whole number from 1 to 16.' },
    });
  });

  it('leave what follows no option of theirs alone', () => {
    expect(parseOptions(['--json', '-1'], ['units'])).toMatchObject({ fault: { code: 'option-unknown' } });
  });

  it('refuse an empty value', () => {
    expect(parseOptions(['--data', ''], ['data'])).toMatchObject({
      fault: { code: 'option-wrong', say: '--data cannot be empty.' },
    });
  });

  it('take addresses, not what looks like one', () => {
    expect([ipAddress('listen', '::1'), ipAddress('listen', undefined)]).toMatchObject([{ ok: true }, { ok: true }]);
    expect(ipAddress('listen', '999.1.1.1')).toMatchObject({ fault: { code: 'option-wrong' } });
  });

  it('refuse a wrong address before anything is started', async () => {
    const silent = { say: () => undefined, warn: () => undefined, json: () => undefined };
    expect(await startVerb.run(['--headless', '--listen', '999.1.1.1'], silent)).toBe(2);
    expect(await serviceVerb.run(['--data', '/dev/null/no', '--listen', '999.1.1.1'], silent)).toBe(2);
    expect(await serviceVerb.run(['--data', '/dev/null/no', '--hub-listen', 'localhost'], silent)).toBe(2);
  });
});
