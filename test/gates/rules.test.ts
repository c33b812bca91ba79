/** The rules of dps-wire section 11: each has a test with its number, and the test fails when the rule is broken. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rules } from '../rules/rules.ts';
import { isCaught, mutated, openLab, sourceOf, type Lab, type TestRun } from './rule-lab.ts';
import { ruleMutants, type RuleMutant } from './rule-mutants.ts';

interface Trial {
  readonly mutant: RuleMutant;
  readonly tests: readonly TestRun[];
}

const labs: Lab[] = [];
let control: readonly TestRun[] = [];
const trials: Trial[] = [];

// Two at a time, as the machine has cores; each has a copy of the sources of its own.
beforeAll(async () => {
  labs.push(openLab(), openLab());
  control = (await labs[0]?.run()) ?? [];
  const waiting = [...ruleMutants];
  await Promise.all(
    labs.map(async (lab) => {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        trials.push({ mutant, tests: await lab.tryMutant(mutant) });
      }
    }),
  );
  const caught = rules.filter(
    ({ number }) => isTested(number) && mutantsOf(number).every(({ tests }) => isCaught(tests)),
  );
  const folder = join(import.meta.dirname, '../../test-results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'rules-caught.json'), `${JSON.stringify({ of: rules.length, caught: caught.length })}\n`);
}, 420_000);
afterAll(() => {
  for (const lab of labs) lab.remove();
});

const tagged = (number: number): readonly TestRun[] => control.filter(({ name }) => name.includes(`[rule ${number}]`));
const mutantsOf = (number: number): readonly Trial[] => trials.filter(({ mutant }) => mutant.rule === number);
const isTested = (number: number): boolean => tagged(number).length > 0 && mutantsOf(number).length > 0;

it('the table has every rule once, and every mutant changes one line of what is there', () => {
  expect(rules.map(({ number }) => number)).toEqual(Array.from({ length: 24 }, (_, at) => at + 1));
  for (const mutant of ruleMutants) {
    const before = sourceOf(mutant).split('\n');
    const after = mutated(sourceOf(mutant), mutant).split('\n');
    expect(after.length).toBe(before.length);
    expect(after.filter((line, at) => line !== before[at])).toHaveLength(1);
  }
});

it('on the right sources every test of a rule passes', () => {
  expect(control.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(control.length).toBeGreaterThanOrEqual(rules.length);
});

it(`all ${rules.length} rules have a test and a mutant`, () => {
  const without = rules.filter(({ number }) => !isTested(number)).map(({ number }) => number);
  expect(without).toEqual([]);
});

describe.each(rules)('rule $number: $says', ({ number }) => {
  it('its test fails by an assertion when the rule is broken', () => {
    const missed = mutantsOf(number).filter(({ tests }) => !isCaught(tests));
    expect(missed).toEqual([]);
  });
});
