/** Where a page of a list ended: the last row's key, never an offset, so that every page costs the same. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { storeFault } from './faults.ts';

export interface PageQuery {
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface Page<Item> {
  items: Item[];
  next?: string;
  total: number;
}

// As the contract says: a page crosses to a screen as one message.
const maxPageItems = 200;

/** The number of the last row seen; the largest there can be for a first page that goes downwards. */
export function seqCursor(cursor: string | undefined): Result<number> {
  if (cursor === undefined) return ok(Number.MAX_SAFE_INTEGER);
  return /^\d{1,15}$/.test(cursor) ? ok(Number(cursor)) : failed(storeFault('cursor-malformed'));
}

/** Cuts the row that was fetched to find out whether there is more. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  shape: { view(row: Row): Item; cursor(row: Row): string; total: number },
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map((row) => shape.view(row));
  const page = { items, total: shape.total };
  return rows.length > limit && last !== undefined ? { ...page, next: shape.cursor(last) } : page;
}

export function clampedLimit(limit: number): number {
  return Math.min(Math.max(1, Math.trunc(limit)), maxPageItems);
}
