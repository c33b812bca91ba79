import { describe, expect, it } from 'vitest';
import css from './tokens.css?raw';

type Tokens = ReadonlyMap<string, string>;

/** The colour roles of each look, with what it inherits from the looks it is laid over. */
function looks(): ReadonlyMap<string, Tokens> {
  const blocks = Array.from(css.matchAll(/^(:root[^{]*?)\s*\{([^}]*)\}/gm), ([, selector = '', body = '']) => ({
    selector,
    tokens: new Map(
      Array.from(body.matchAll(/--([\w-]+):\s*(oklch\([^)]*\))/g), ([, name = '', value = '']) => [name, value]),
    ),
  }));
  const layered = (...selectors: string[]): Tokens =>
    new Map(
      selectors.flatMap((selector) => blocks.filter((b) => b.selector === selector).flatMap((b) => [...b.tokens])),
    );
  const dark = ":root[data-theme='dark']";
  const more = ":root[data-contrast='more']";
  return new Map([
    ['light', layered(':root')],
    ['dark', layered(':root', dark)],
    ['light with more contrast', layered(':root', more)],
    // Equal weight: the later of the two blocks wins where the combined one is silent.
    ['dark with more contrast', layered(':root', dark, more, `${dark}[data-contrast='more']`)],
  ]);
}

/** Relative luminance (WCAG 2) of an OKLCH colour, through linear sRGB clipped as a screen clips it. */
function luminance(colour: string): number {
  const [l = 0, c = 0, h = 0] = (/oklch\(([\d.]+) ([\d.]+) ([\d.]+)/.exec(colour) ?? []).slice(1).map(Number);
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number): number => Math.min(1, Math.max(0, value));
  const red = clip(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short);
  const green = clip(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short);
  const blue = clip(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(tokens: Tokens, text: string, field: string): number {
  const [one, other] = [text, field].map((name) => {
    const colour = tokens.get(name);
    if (colour === undefined) throw new Error(`no token --${name}`);
    return luminance(colour);
  });
  return (Math.max(one ?? 0, other ?? 0) + 0.05) / (Math.min(one ?? 0, other ?? 0) + 0.05);
}

const verdictPairs = ['pass', 'fail', 'error', 'hold', 'working', 'ready', 'empty'].map((name) => [`on-${name}`, name]);
const fields = ['surface', 'raised', 'sunken'];
const textPairs = [
  ...['text', 'muted', 'pass-text', 'fail-text', 'error-text'].flatMap((text) => fields.map((field) => [text, field])),
  ['text', 'accent-soft'],
  ['on-accent', 'accent'],
  ['accent', 'raised'],
];
const linePairs = ['surface', 'raised'].map((field) => ['line-strong', field]);

describe.each([...looks()])('the %s look', (_name, tokens) => {
  it.each(verdictPairs)('reads --%s on --%s at 7:1 or more', (text = '', field = '') => {
    expect(contrast(tokens, text, field)).toBeGreaterThanOrEqual(7);
  });

  it.each(textPairs)('reads --%s on --%s at 4.5:1 or more', (text = '', field = '') => {
    expect(contrast(tokens, text, field)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(linePairs)('shows the edge of a control, --%s on --%s, at 3:1 or more', (line = '', field = '') => {
    expect(contrast(tokens, line, field)).toBeGreaterThanOrEqual(3);
  });
});

it('knows black on white to be 21:1, so that the numbers above mean something', () => {
  const tokens = new Map([
    ['ink', 'oklch(0 0 0)'],
    ['paper', 'oklch(1 0 0)'],
  ]);
  expect(contrast(tokens, 'ink', 'paper')).toBeCloseTo(21, 1);
});
