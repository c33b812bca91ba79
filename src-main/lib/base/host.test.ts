import { describe, expect, it } from 'vitest';
import { systemRandom } from './host.ts';
import { toHex } from './bytes.ts';

describe('systemRandom', () => {
  it('gives as many bytes as asked for, small draws and large ones', () => {
    for (const count of [0, 1, 16, 32, 255, 256, 257, 5_000]) expect(systemRandom.bytes(count)).toHaveLength(count);
  });

  it('gives no byte twice, nor ever shares one, across many blocks', () => {
    const drawn = Array.from({ length: 2_000 }, () => systemRandom.bytes(16));
    const before = drawn.map(toHex);
    expect(new Set(before).size).toBe(drawn.length);
    for (const bytes of drawn) bytes.fill(0);
    const after = Array.from({ length: 2_000 }, () => toHex(systemRandom.bytes(16)));
    expect(new Set([...before, ...after]).size).toBe(4_000);
  });

  it('gives neither zeros nor a part of what it gave before when a draw does not fit into what is left', () => {
    const drawn = Array.from({ length: 200 }, () => toHex(systemRandom.bytes(250)));
    const windows = drawn.flatMap((text) => [text.slice(0, 32), text.slice(-32)]);
    expect(new Set(windows).size).toBe(windows.length);
    expect(drawn.filter((text) => text.includes('0'.repeat(32)))).toEqual([]);
  });
});
