/** The layer rules: each is proven by imports it must refuse, in every way an import can be written. */
import { createRequire } from 'node:module';
import { dirname, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFixture, type Fixture } from './fixture.ts';
import { layerPlants, type LayerPlant } from './layer-plants.ts';

interface Cruise {
  readonly modules: readonly { readonly source: string }[];
}
interface Config {
  readonly forbidden: readonly { readonly name: string }[];
}

const require = createRequire(import.meta.url);
const { forbidden } = require('../../.dependency-cruiser.cjs') as Config;
const rules = forbidden.map((rule) => rule.name);

// `types` is the one that a tool loses most easily: nothing of it is left once the types are gone.
const forms = ['values', 'types', 'exports', 'dynamic'] as const;
type Form = (typeof forms)[number];

const statement = (form: Form, to: string): string =>
  ({
    values: `import * as part from '${to}';\nexport const copy = part;\n`,
    types: `import type * as Part from '${to}';\nexport type Copy = typeof Part;\n`,
    exports: `export * from '${to}';\n`,
    dynamic: `export const later = () => import('${to}');\n`,
  })[form];

interface Planted extends LayerPlant {
  readonly form: Form | 'markup' | 'markup-types';
  readonly file: string;
}

const folderOf = (from: string): string =>
  from.startsWith('renderer:') ? `src-renderer/${from.slice('renderer:'.length)}` : `src-main/${from}`;

const planted: readonly Planted[] = layerPlants.flatMap((plant, at): Planted[] => {
  const base = `${folderOf(plant.from)}/plant-${at}`;
  const inSource = forms.map((form) => ({ ...plant, form, file: `${base}-${form}.ts` }));
  if (!plant.from.startsWith('renderer:')) return inSource;
  return [
    ...inSource,
    { ...plant, form: 'markup', file: `${base}-markup.svelte` },
    { ...plant, form: 'markup-types', file: `${base}-markup-types.svelte` },
  ];
});

function textOf({ form, file, to }: Planted): string {
  const path = to.startsWith('src-') ? relative(dirname(file), to) : to;
  const spec = path.startsWith('.') || path === to ? path : `./${path}`;
  if (form === 'markup') return `<script lang="ts">\n  import { part } from '${spec}';\n</script>\n\n{part}\n`;
  if (form === 'markup-types') {
    return `<script lang="ts">\n  import type { Part } from '${spec}';\n  const part: Part = 1;\n</script>\n\n{part}\n`;
  }
  return statement(form, spec);
}

async function cruise(fixture: Fixture): Promise<Cruise> {
  const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src-main', 'src-renderer'];
  const { stdout } = await fixture.run('depcruise', ...args);
  return JSON.parse(stdout) as Cruise;
}

/** The rules that `npm run layers` names for each file: dependency-cruiser's, and ours for the types in markup. */
async function layers(fixture: Fixture): Promise<{ readonly code: number; readonly at: Map<string, string[]> }> {
  const { code, stdout } = await fixture.run('scripts/layers.mjs');
  const at = new Map<string, string[]>();
  for (const [, rule = '', file = ''] of stdout.matchAll(/error ([\w-]+): (\S+)/g)) {
    at.set(file, [...(at.get(file) ?? []), rule]);
  }
  return { code, at };
}

describe('the layer rules', () => {
  let fixture: Fixture;
  let found: Awaited<ReturnType<typeof layers>>;
  let clean: Awaited<ReturnType<typeof layers>>;
  let seen: Set<string>;

  beforeAll(async () => {
    fixture = makeFixture();
    clean = await layers(fixture);
    const targets = new Set(layerPlants.map((plant) => plant.to).filter((to) => to.startsWith('src-')));
    for (const target of targets) fixture.write(target, 'export type Part = 1;\nexport const part: Part = 1;\n');
    // Not installed: no room uses them yet, and the rule must stand before the first one does.
    for (const name of ['pg', 'pkcs11js']) {
      fixture.write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
      fixture.write(`node_modules/${name}/index.js`, 'module.exports = {};\n');
    }
    for (const plant of planted) fixture.write(plant.file, textOf(plant));
    fixture.write('src-main/hub/ring-a.ts', "import { b } from './ring-b.ts';\nexport const a = () => b;\n");
    fixture.write('src-main/hub/ring-b.ts', "import { a } from './ring-a.ts';\nexport const b = () => a;\n");
    found = await layers(fixture);
    seen = new Set((await cruise(fixture)).modules.map((module) => module.source));
  });
  afterAll(() => {
    fixture.remove();
  });

  const rulesAt = (file: string): readonly string[] => found.at.get(file) ?? [];

  it('let the clean fixture pass', () => {
    expect({ code: clean.code, violations: [...clean.at] }).toEqual({ code: 0, violations: [] });
  });

  it(`fail on the ${planted.length + 1} planted imports`, () => {
    expect(found.code).toBe(1);
  });

  it('see every planted file, and those of the fixture, markup included', () => {
    const wanted = [
      'src-main/cli.ts',
      'src-renderer/main.ts',
      'src-renderer/App.svelte',
      ...planted.map((plant) => plant.file),
    ];
    expect(wanted.filter((file) => !seen.has(file))).toEqual([]);
  });

  it('each have a plant', () => {
    const proven = new Set([...layerPlants.map((plant) => plant.rule), 'no-cycles']);
    expect(rules.filter((rule) => !proven.has(rule))).toEqual([]);
    expect([...proven].filter((rule) => !rules.includes(rule))).toEqual([]);
  });

  it('refuse a ring', () => {
    expect(rulesAt('src-main/hub/ring-a.ts')).toContain('no-cycles');
  });

  it.each(rules.filter((rule) => rule !== 'no-cycles'))('%s refuses each of its plants', (rule) => {
    const plants = planted.filter((plant) => plant.rule === rule);
    expect(plants.length).toBeGreaterThan(0);
    const missed = plants.filter((plant) => !rulesAt(plant.file).includes(rule));
    expect(missed.map((plant) => `${plant.form}: ${plant.file} -> ${plant.to}`)).toEqual([]);
  });
});
