/** A coded, explained failure with its next action. */

export type FaultDetail = Readonly<Record<string, string | number | boolean>>;

export interface Fault<Code extends string = string> {
  /** Stable, kebab-case; what programs and translations go by. */
  readonly code: Code;
  /** What happened, in the words of the hall. */
  readonly say: string;
  /** The one next action. */
  readonly hint: string;
  /** Facts for support: never a secret. */
  readonly detail?: FaultDetail;
}

export interface FaultText {
  readonly say: string;
  readonly hint: string;
}

export type FaultTable = Readonly<Record<string, FaultText>>;

export type FaultMaker<Table extends FaultTable> = (
  code: keyof Table & string,
  detail?: FaultDetail,
) => Fault<keyof Table & string>;

/**
 * Makes faults from one module's table. `{name}` in a text is replaced by that detail; a name without a detail stays
 * as it stands, so that a gap is seen.
 */
export function faultMaker<const Table extends FaultTable>(table: Table): FaultMaker<Table> {
  return (code, detail) => {
    const text: FaultText | undefined = table[code];
    if (text === undefined) throw new Error(`no fault text for ${code}`);
    const base = { code, say: filled(text.say, detail), hint: filled(text.hint, detail) };
    return detail === undefined ? base : { ...base, detail };
  };
}

function filled(text: string, detail: FaultDetail | undefined): string {
  return text.replace(/\{(\w+)\}/g, (gap, name: string) => {
    const value = detail?.[name];
    return value === undefined ? gap : String(value);
  });
}
