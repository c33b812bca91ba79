/** Options of a verb, parsed once; what is not understood is a coded fault. */
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { optionReason } from '../lib/process/start-refusal.ts';
import { cliFault } from './verb.ts';

export interface ParsedOptions<Name extends string> {
  readonly values: Readonly<Partial<Record<Name, string>>>;
  readonly flags: ReadonlySet<string>;
  readonly words: readonly string[];
}

/** `names` take a value, `flags` take none. */
export function parseOptions<Name extends string>(
  args: readonly string[],
  names: readonly Name[],
  flags: readonly string[] = ['help', 'json'],
): Result<ParsedOptions<Name>> {
  const options = {
    ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
    ...Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean' as const }])),
  };
  try {
    const joined = withNegatives(args, names);
    const { values, positionals } = parseArgs({ args: joined, options, strict: true, allowPositionals: true });
    const given = Object.entries(values);
    const empty = given.find(([, value]) => value === '');
    if (empty !== undefined) {
      return failed(cliFault('option-wrong', { option: `--${empty[0]}`, value: 'empty', wanted: 'a text' }));
    }
    return ok({
      values: Object.fromEntries(given.filter(([, value]) => typeof value === 'string')) as Partial<
        Record<Name, string>
      >,
      flags: new Set(given.filter(([, value]) => value === true).map(([name]) => name)),
      words: positionals,
    });
  } catch (error) {
    return failed(cliFault('option-unknown', { reason: optionReason(error) }));
  }
}

/** `tpm, x509 or mixed` */
export function orList(words: readonly string[]): string {
  return words.join(', ').replace(/, ([^,]*)$/, ' or $1');
}

/** `--units -1` is a number out of its range, not an option `-1`. */
function withNegatives(args: readonly string[], names: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1) ?? '';
    if (/^-\d/.test(arg) && names.some((name) => before === `--${name}`))
      joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

export function wholeNumber(
  option: string,
  text: string | undefined,
  range: { readonly from: number; readonly to: number },
): Result<number | undefined> {
  if (text === undefined) return ok(undefined);
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.from && value <= range.to) return ok(value);
  const wanted = `a whole number from ${range.from} to ${range.to}`;
  return failed(cliFault('option-wrong', { option: `--${option}`, value: text, wanted }));
}

export function ipAddress(option: string, text: string | undefined): Result<string | undefined> {
  if (text === undefined || isIP(text) !== 0) return ok(text);
  return failed(
    cliFault('option-wrong', { option: `--${option}`, value: text, wanted: 'an IP address of this machine' }),
  );
}
