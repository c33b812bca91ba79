import { describe, expect, it } from 'vitest';
import { pageFile } from './page-file.ts';

const file = (address: string) => pageFile('/app/renderer', 'app://benchline', address);

describe('the file of a page address', () => {
  it('lies below the folder of the page', () => {
    expect(file('app://benchline/index.html')).toBe('/app/renderer/index.html');
    expect(file('app://benchline/assets/main-1a2b.js?x#y')).toBe('/app/renderer/assets/main-1a2b.js');
  });

  it('stays in the folder where the address itself is folded first', () => {
    // A dot segment is resolved by the address parser before anybody sees it.
    expect(file('app://benchline/../index.html')).toBe('/app/renderer/index.html');
    expect(file('app://benchline/%2e%2e/index.html')).toBe('/app/renderer/index.html');
  });

  it.each([
    'app://benchline/..%2fsecret',
    'app://benchline/assets/..%2f..%2fsecret',
    'app://benchline/..%2frenderer-of-another/index.html',
    'app://benchline/%00',
    'app://benchline/%zz',
    'app://other/index.html',
    'file:///app/renderer/index.html',
    'nonsense',
  ])('is not to be had for %s', (address) => {
    expect(file(address)).toBeUndefined();
  });
});
