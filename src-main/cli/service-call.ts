/** What one word asked of a running service is, and how it answers. */
import type { Result } from '../lib/base/result.ts';
import type { ParsedOptions } from './options.ts';
import type { CallOption } from './service-options.ts';
import type { ServiceTarget } from './service-target.ts';

export interface CallRequest extends ParsedOptions<CallOption> {
  readonly target: ServiceTarget;
  /** For people, beside the answer. */
  readonly warn: (text: string) => void;
}

/** What goes to a program as JSON and to a person as lines. */
export interface CallAnswer {
  readonly json: unknown;
  readonly lines: readonly string[];
}

export interface ServiceCall {
  readonly usage: string;
  /** Its `--connection-string` is a hub's, not the service's own. */
  readonly takesConnectionString?: boolean;
  run(request: CallRequest): Promise<Result<CallAnswer>>;
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
