/** Whatever the code cites is there to be read; no two decisions have one number. Each check finds what is planted. */
import { describe, expect, it } from 'vitest';
import { rules } from '../rules/rules.ts';
import { readLaw, sourceTexts, unresolved, type Law } from './citations.ts';

const law = readLaw();
const twice = ({ decisions }: Law) => decisions.filter((one, at) => decisions.indexOf(one) !== at);

describe('the law', () => {
  it('has every section, rule, open point and decision that is cited', () => {
    const texts = sourceTexts();
    const found = texts.map((source) => ({ file: source.file, cites: unresolved(source, law) }));
    expect(found.filter(({ file, cites }) => cites.length > 0 && file !== 'test/gates/citations.test.ts')).toEqual([]);
    // and something is cited at all, the sections that span lines too
    expect(texts.filter(({ text }) => text.includes('dps-wire')).length).toBeGreaterThan(60);
  });

  it('has the rules of the tests, one row each', () => {
    const rows = [...law.places].filter((place) => place.startsWith('rule '));
    expect(rows).toEqual(rules.map(({ number }) => `rule ${number}`));
  });

  it('has no number of a decision twice', () => {
    expect(law.decisions.length).toBeGreaterThan(10);
    expect(twice(law)).toEqual([]);
  });
});

describe('a planted citation', () => {
  const plant = (text: string, file = 'src-main/service/core/plant.ts') => unresolved({ file, text }, law);
  it.each([
    ['// dps-wire 3.9', 'dps-wire 3.9'],
    ['/** (dps-wire 1.3 and 1.77) */', 'dps-wire 1.77'],
    ['// dps-wire 1.3 to 1.5, 14.2', 'dps-wire 14.2'],
    [' * as said in dps-wire\n * section 77', 'dps-wire 77'],
    ['// dps-wire 13 item 99', 'dps-wire 13 item 99'],
    ['// Rules 3 and 25', 'rule 25'],
    ['// see docs/decisions/9999', 'decision 9999'],
  ])('of what is not there is found: %j', (text, found) => {
    expect(plant(text)).toEqual([found]);
  });

  it('of what is there is none', () => {
    const text =
      '// dps-wire 1.3 to 1.5, 1.9, 7; dps-wire section 11, rule 24; dps-wire 13 item 2; docs/decisions/0001';
    expect(plant(text)).toEqual([]);
    expect(plant('// rule 99 of the linter', 'scripts/plant.mjs')).toEqual([]);
  });

  it('of a number that two decisions have is found', () => {
    expect(twice({ ...law, decisions: [...law.decisions, '0003'] })).toEqual(['0003']);
  });
});
