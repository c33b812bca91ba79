/** The command line of the long runs: a page for --help, a sentence for what is not known. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { optionReason } from '../src-main/lib/process/start-refusal.ts';

type Options = Readonly<Record<string, { readonly type: 'string'; readonly default?: string }>>;

export type Asked<Own extends Options> =
  | { readonly is: 'answered'; readonly code: number }
  | {
      readonly is: 'run';
      readonly values: { readonly [Name in keyof Own]?: string };
      readonly positionals: readonly string[];
    };

export function askedWords<Own extends Options>(options: Own, usage: string): Asked<Own> {
  const all: ParseArgsConfig['options'] = { ...options, help: { type: 'boolean' } };
  try {
    const { values, positionals } = parseArgs({ options: all, allowPositionals: true });
    if (values['help'] !== true) return { is: 'run', values: values as { [Name in keyof Own]?: string }, positionals };
    process.stdout.write(`${usage}\n`);
    return { is: 'answered', code: 0 };
  } catch (error) {
    process.stderr.write(`${optionReason(error)}\nSee how it is asked with --help.\n`);
    return { is: 'answered', code: 2 };
  }
}
