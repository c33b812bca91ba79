/** Every other gate: one small fault each, laid into a clean fixture, must be refused by its tool for its reason. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeFixture, type Fixture } from './fixture.ts';
import { gateTools, type Findings } from './gate-tools.ts';

const tools = ['eslint', 'types', 'prettier', 'knip', 'vitest'] as const;
type Tool = (typeof tools)[number];

const Plant = z.strictObject({ tool: z.enum(tools), rule: z.string().min(1), file: z.string().min(1) });

const folder = join(import.meta.dirname, 'plants');
const plants = readdirSync(folder)
  .filter((name) => name !== 'clean')
  .map((name) => ({
    name,
    ...Plant.parse(JSON.parse(readFileSync(join(folder, name, 'plant.json'), 'utf8'))),
  }));
const plantsOf = (tool: Tool) => plants.filter((plant) => plant.tool === tool);

it('every tool has its plants', () => {
  expect(tools.filter((tool) => plantsOf(tool).length === 0)).toEqual([]);
});

describe.each(tools)('%s', (tool) => {
  let fixture: Fixture;
  let clean: Findings;
  let found: Findings;

  beforeAll(async () => {
    fixture = makeFixture();
    clean = await gateTools[tool](fixture);
    for (const plant of plantsOf(tool)) fixture.plant(plant.name);
    found = await gateTools[tool](fixture);
  });
  afterAll(() => {
    fixture.remove();
  });

  it('lets the clean fixture pass', () => {
    expect(clean).toEqual({ code: 0, at: new Map() });
  });

  it('fails on the planted one', () => {
    expect(found.code).not.toBe(0);
  });

  it(`refuses all of its ${plantsOf(tool).length} plants, each for the reason that was planted`, () => {
    const missed = plantsOf(tool).filter(
      ({ file, rule }) => !(found.at.get(file) ?? []).some((reason) => reason.includes(rule)),
    );
    expect(missed.map(({ name, file, rule }) => ({ name, rule, found: found.at.get(file) }))).toEqual([]);
  });

  it('refuses nothing else', () => {
    const files = plantsOf(tool).map(({ file }) => file);
    expect([...found.at.keys()].filter((file) => !files.includes(file))).toEqual([]);
  });
});
