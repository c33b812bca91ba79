import { expect, it } from 'vitest';
import { withoutSlashesAtEnd } from './path.ts';

it('takes the slashes at the end away, and no others', () => {
  const paths = ['', '/', '///', '/a', '/a/', '/a//', '/a//b', '//a/b//'];
  expect(paths.map(withoutSlashesAtEnd)).toEqual(['', '', '', '/a', '/a', '/a', '/a//b', '//a/b']);
});

it('takes a time that grows with the length alone', () => {
  const slashes = '/'.repeat(4_000_000);
  expect(withoutSlashesAtEnd(`${slashes}x`)).toHaveLength(4_000_001);
  expect(withoutSlashesAtEnd(`x${slashes}`)).toBe('x');
});
