interface Row {
  readonly note?: string;
}
const note: string | undefined = process.env['NOTE'];
export const row: Row = { note };
