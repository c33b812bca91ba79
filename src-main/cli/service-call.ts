/** What one word asked of a running service is, which options it takes, and how it answers. */
import { failed, ok, type Result } from '../lib/base/result.ts';
import type { ParsedOptions } from './options.ts';
import { everyCallFlags, type CallFlag, type CallOption, type OwnOption } from './service-options.ts';
import { targetOptions, type ServiceTarget } from './service-target.ts';
import { cliFault } from './verb.ts';

export interface HubRequest extends ParsedOptions<CallOption> {
  /** For people, beside the answer. */
  readonly warn: (text: string) => void;
}

export interface CallRequest extends HubRequest {
  readonly target: ServiceTarget;
}

/** What goes to a program as JSON and to a person as lines. */
export interface CallAnswer {
  readonly json: unknown;
  readonly lines: readonly string[];
}

interface Takes {
  /** Beside those that name the service. */
  readonly options?: readonly OwnOption[];
  readonly flags?: readonly CallFlag[];
  /** How many words it takes at the most; none unless said. */
  readonly words?: number;
}

interface ServiceAction extends Takes {
  /** Its `--connection-string` and `--connection-string-file` are a hub's, not the service's own. */
  readonly takesHubString?: boolean;
  run(request: CallRequest): Promise<Result<CallAnswer>>;
}

/** Asked of a hub: the service itself need not be named. */
interface HubAction extends Takes {
  readonly ofHub: true;
  run(request: HubRequest): Promise<Result<CallAnswer>>;
}

export type CallAction = ServiceAction | HubAction;

/** One verb, or several that share a first word; without a second word it is `list`. */
export type ServiceCall =
  | (CallAction & { readonly usage: string })
  | { readonly usage: string; readonly actions: Readonly<Record<string, CallAction>> };

export interface ChosenCall {
  readonly action: CallAction;
  readonly parsed: ParsedOptions<CallOption>;
}

/** The action that the words name, once nothing was given that it does not take. */
export function chosenCall(name: string, call: ServiceCall, parsed: ParsedOptions<CallOption>): Result<ChosenCall> {
  if (!('actions' in call)) return checked(name, call, parsed);
  const [word = 'list', ...words] = parsed.words;
  const action = Object.hasOwn(call.actions, word) ? call.actions[word] : undefined;
  if (action === undefined) return failed(cliFault('verb-unknown', { verb: `service ${name} ${word}` }));
  return checked(`${name} ${word}`, action, { ...parsed, words });
}

function checked(name: string, action: CallAction, parsed: ParsedOptions<CallOption>): Result<ChosenCall> {
  const extra = parsed.words[action.words ?? 0];
  if (extra !== undefined) {
    return failed(cliFault('option-unknown', { reason: `service ${name} has no use for the word ${extra}.` }));
  }
  const taken: readonly string[] = [
    ...targetOptions,
    ...(action.options ?? []),
    ...everyCallFlags,
    ...(action.flags ?? []),
  ];
  const stray = [...Object.keys(parsed.values), ...parsed.flags].find((given) => !taken.includes(given));
  if (stray === undefined) return ok({ action, parsed });
  return failed(cliFault('option-unknown', { reason: `service ${name} does not take --${stray}.` }));
}

export function table(rows: readonly (readonly string[])[], whenEmpty: string): readonly string[] {
  if (rows.length === 0) return [whenEmpty];
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(width(column)))
      .join('  ')
      .trimEnd(),
  );
}
