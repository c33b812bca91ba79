import { describe, expect, it } from 'vitest';
import { slotsVerb } from './slots.ts';

function run(...args: readonly string[]) {
  const said: string[] = [];
  const output = {
    say: (text: string) => void said.push(text),
    warn: (text: string) => void said.push(text),
    json: (value: unknown) => void said.push(JSON.stringify(value)),
  };
  return { said, code: slotsVerb.run(args, output) };
}

describe('benchline slots', () => {
  it('tells how it is asked, and refuses a folder that is none before it starts anything', async () => {
    const help = run('--help');
    expect(await help.code).toBe(0);
    expect(help.said[0]).toContain('--data DIR');
    const missing = run('--data', '/nowhere/at/all', '--json');
    expect(await missing.code).toBe(1);
    expect(missing.said[0]).toContain('data-folder-unusable');
    expect(await run('--colour', 'red').code).toBe(2);
  });
});
