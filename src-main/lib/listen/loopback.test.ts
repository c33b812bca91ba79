import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { must } from '../base/result.ts';
import { claimLoopbackBlock } from './loopback.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-blocks-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('gives the preferred block, and the next one to who comes second', () => {
  const first = must(claimLoopbackBlock({ prefer: 7, folder }));
  const second = must(claimLoopbackBlock({ prefer: 7, folder }));
  expect([first.base, second.base]).toEqual(['127.100.7', '127.100.8']);
});

it('gives a released block again', () => {
  must(claimLoopbackBlock({ prefer: 7, folder })).release();
  expect(must(claimLoopbackBlock({ prefer: 7, folder })).base).toBe('127.100.7');
});

it('takes over the claim of a process that is dead', () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  mkdirSync(join(folder, '127.100.7'));
  writeFileSync(join(folder, '127.100.7', 'pid'), String(dead));
  expect(must(claimLoopbackBlock({ prefer: 7, folder })).base).toBe('127.100.7');
});

it('leaves the claim of a living process alone', () => {
  mkdirSync(join(folder, '127.100.7'));
  writeFileSync(join(folder, '127.100.7', 'pid'), String(process.ppid));
  expect(must(claimLoopbackBlock({ prefer: 7, folder })).base).toBe('127.100.8');
});

it('says so when every block is taken', () => {
  for (let block = 0; block < 256; block += 1) must(claimLoopbackBlock({ folder }));
  expect(claimLoopbackBlock({ folder })).toMatchObject({ fault: { code: 'loopback-exhausted' } });
});
