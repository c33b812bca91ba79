/** What the code cites, and whether it is there: sections of docs/dps-wire.md, its rules, and decisions. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Law {
  /** `3.4` of a heading, `rule 5` of a row, `13 item 2` of a line. */
  readonly places: ReadonlySet<string>;
  /** Numbers of decisions, as often as they are taken. */
  readonly decisions: readonly string[];
}

export interface SourceText {
  readonly file: string;
  readonly text: string;
}

const root = join(import.meta.dirname, '../..');

export function readLaw(): Law {
  const names = readdirSync(join(root, 'docs/decisions'));
  return {
    places: placesIn(readFileSync(join(root, 'docs/dps-wire.md'), 'utf8')),
    decisions: names.flatMap((name) => /^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1] ?? []),
  };
}

function placesIn(law: string): ReadonlySet<string> {
  const places = new Set<string>();
  let section = '';
  for (const line of law.split('\n')) {
    const heading = /^##+ (\d+(?:\.\d+)?) /.exec(line)?.[1];
    if (heading !== undefined) section = heading;
    const row = /^\| (\d+) +\|/.exec(line)?.[1];
    const item = /^(\d+)\. /.exec(line)?.[1];
    if (heading !== undefined) places.add(heading);
    if (row !== undefined && section === '11') places.add(`rule ${row}`);
    if (item !== undefined) places.add(`${section} item ${item}`);
  }
  return places;
}

export function sourceTexts(): readonly SourceText[] {
  const folders = ['src-main', 'src-renderer', 'test', 'docs', 'scripts'];
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs|svelte|md)$/.test(name) && !name.includes('node_modules'))
      .map((name) => ({ file: `${folder}/${name}`, text: readFileSync(join(root, folder, name), 'utf8') })),
  );
}

const number = String.raw`\d+(?:\.\d+)?(?: item \d+)?`;
/** `dps-wire 1.3 to 1.5, 1.9, 7`; `dps-wire section 8.4`; a comment may break the line before the number. */
const cited = new RegExp(
  String.raw`dps-wire(?:[\s*/]+sections?)?[\s*/]+(${number}(?:(?:, and |, | and | to )${number})*)`,
  'g',
);
const citedRules = /\brules? (\d+(?:(?:, | and )\d+)*)/gi;

/** The citations of a text that lead nowhere. */
export function unresolved({ file, text }: SourceText, law: Law): readonly string[] {
  const sections = [...text.matchAll(cited)].flatMap((match) => numbersIn(match[1]));
  const rules = isOfTheWire(file) ? [...text.matchAll(citedRules)].flatMap((match) => numbersIn(match[1])) : [];
  const decisions = [...text.matchAll(/(?:docs\/decisions\/|\bdecision )(\d{4})\b/g)].map((match) => match[1] ?? '');
  return [
    ...sections.filter((place) => !law.places.has(place)).map((place) => `dps-wire ${place}`),
    ...rules.map((rule) => `rule ${rule}`).filter((rule) => !law.places.has(rule)),
    ...decisions.filter((one) => !law.decisions.includes(one)).map((one) => `decision ${one}`),
  ];
}

function numbersIn(list: string | undefined): readonly string[] {
  return (list ?? '').split(/, and |, | and | to /).filter((one) => one !== '');
}

// elsewhere a rule may be one of a linter
function isOfTheWire(file: string): boolean {
  return /^(src-main\/(service|hub|lib)|test\/(rules|flows|exams))\//.test(file);
}
