/** The two ways an operation can end. Expected failures are values; bugs throw. */
import type { Fault } from './fault.ts';

export type Ok<T> = { readonly ok: true; readonly value: T };
export type Failed<F = Fault> = { readonly ok: false; readonly fault: F };
export type Result<T, F = Fault> = Ok<T> | Failed<F>;

export function ok(): Ok<void>;
export function ok<T>(value: T): Ok<T>;
export function ok<T>(value?: T): Ok<T | undefined> {
  return { ok: true, value };
}

export function failed<F>(fault: F): Failed<F> {
  return { ok: false, fault };
}

/** Closes a switch over a union: reaching it is a bug, and a missing case is a type error. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** The value of a result that cannot have failed here; a failure is a bug and throws with its code. */
export function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.fault.code}: ${result.fault.say}`);
  return result.value;
}
