/** How a program says to whoever started it that it does not start: a person reads it, and a parent passes it on. */
import type { Fault } from '../base/fault.ts';

/** What happened, what to do, and the code: the form that `startProgram` takes a reason from. */
export function sayWhyNotStarted({ code, say, hint }: Fault): void {
  process.stderr.write(`${say}\n${hint}\n(${code})\n`);
}

/** Node says what is wrong with an option in a text for programmers; this is the sentence for everybody else. */
export function optionReason(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  const word = /^Unexpected argument '([^']*)'/.exec(message)?.[1];
  if (word !== undefined) return `The word ${word} belongs to no option.`;
  const option = /'(?:-\w, )?(--?[^\s'<=]+)/.exec(message)?.[1] ?? 'an argument';
  if (message.startsWith('Unknown option')) return `There is no option ${option}.`;
  return message.includes('does not take') ? `${option} takes no value.` : `${option} needs a value.`;
}
