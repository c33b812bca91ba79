/** What was built: one small preload, a page without Node, programs without Electron. */
import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ground } from '../e2e/harness/ground.ts';

describe('the built app', () => {
  let out: string;
  const files = (pattern: string): readonly string[] => globSync(pattern, { cwd: out });
  const text = (file: string): string => readFileSync(join(out, file), 'utf8');
  beforeAll(() => {
    out = join(ground().home, 'out');
  });

  it('has one preload, of CommonJS, below 10 kB, that asks for Electron alone', () => {
    expect(files('preload/**/*')).toEqual(['preload/preload.cjs']);
    expect(statSync(join(out, 'preload/preload.cjs')).size).toBeLessThan(10_000);
    const asked = [...text('preload/preload.cjs').matchAll(/require\(["'`]([^"'`]+)["'`]\)/g)].map(([, name]) => name);
    expect(new Set(asked)).toEqual(new Set(['electron']));
    expect(text('preload/preload.cjs')).not.toMatch(/\bimport\b/);
  });

  it('has a page without Node and without Electron', () => {
    const scripts = files('renderer/**/*.js');
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.filter((file) => /["'`](node:[a-z/_]+|electron)["'`]/.test(text(file)))).toEqual([]);
  });

  it('has a page whose markup runs nothing inline', () => {
    const markup = text('renderer/index.html');
    expect(markup).not.toMatch(/<script(?![^>]*\bsrc=)/);
    expect(markup).not.toMatch(/\son\w+=/);
  });

  it('names Electron in its shell alone', () => {
    const named = files('main/**/*.js').filter((file) => /from ["']electron["']/.test(text(file)));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((file) => !file.startsWith('main/electron/'))).toEqual([]);
  });

  it('has every program where its starter looks for it', () => {
    const programs = ['cli', 'electron/main', 'station/main', 'service/main', 'hub/main', 'agent/main'];
    expect(programs.filter((name) => files(`main/${name}.js`).length !== 1)).toEqual([]);
  });
});
