/** Rows of the station, page by page: what is loaded stays where it is while it is asked for again. */
import type { FaultView } from '../../src-main/contract/messages.ts';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import type { Answer } from '../bridge/client.ts';

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string | undefined;
  readonly total: number;
}
export type FetchPage<Item> = (cursor: string | undefined, limit: number) => Promise<Answer<Page<Item>>>;

const pageRows = 100;
const largestPage = 200; // the contract's bound
// A person scrolls hundreds of rows, not thousands; beyond this the search is the way. 20,000 rows are some 10 MB.
const maxRows = 20_000;
// A busy bench changes rows several times a second; the eye does not need more than this.
const refreshEveryMs = 400;

export class PagedList<Item> {
  items = $state.raw<readonly Item[]>([]);
  total = $state(0);
  at = $state<'loading' | 'ready' | 'failed'>('loading');
  fault = $state.raw<FaultView>();
  loadedMs = $state(0);
  isFetching = $state(false);
  #next = $state<string>();
  readonly isCapped = $derived(this.items.length >= maxRows && this.#next !== undefined);
  readonly #fetch: FetchPage<Item>;
  readonly #clock: Clock;
  #generation = 0;
  #cancelRefresh: (() => void) | undefined;

  constructor(fetch: FetchPage<Item>, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Another question: the old rows go. */
  async restart(): Promise<void> {
    this.items = [];
    this.total = 0;
    this.at = 'loading';
    await this.reload();
  }

  /** The same question again: rows stay until the new ones are here. */
  async reload(): Promise<void> {
    this.#generation += 1;
    const mine = this.#generation;
    const wanted = Math.min(Math.max(this.items.length, pageRows), 1_000);
    let rows: readonly Item[] = [];
    let cursor: string | undefined;
    this.isFetching = true;
    do {
      const answer = await this.#fetch(cursor, Math.min(largestPage, wanted - rows.length));
      if (mine !== this.#generation) return;
      if (!answer.ok) {
        this.#fail(answer.fault);
        return;
      }
      rows = [...rows, ...answer.value.items];
      cursor = answer.value.next;
      this.total = answer.value.total;
    } while (cursor !== undefined && rows.length < wanted);
    this.#show(rows, cursor);
  }

  /** The next page, when the end comes into sight. */
  async more(): Promise<void> {
    if (this.isFetching || this.#next === undefined || this.items.length >= maxRows) return;
    const mine = this.#generation;
    this.isFetching = true;
    const answer = await this.#fetch(this.#next, pageRows);
    if (mine !== this.#generation) return;
    if (answer.ok) this.#show([...this.items, ...answer.value.items], answer.value.next);
    else this.#fail(answer.fault);
  }

  /** Rows changed somewhere: asks again soon, however often it is told. */
  refreshSoon(): void {
    if (this.#cancelRefresh !== undefined) return;
    this.#cancelRefresh = this.#clock.after(refreshEveryMs, () => {
      this.#cancelRefresh = undefined;
      void this.reload();
    });
  }

  close(): void {
    this.#generation += 1;
    this.#cancelRefresh?.();
    this.#cancelRefresh = undefined;
  }

  #show(rows: readonly Item[], next: string | undefined): void {
    this.items = rows;
    this.#next = next;
    this.at = 'ready';
    this.fault = undefined;
    this.isFetching = false;
    this.loadedMs = this.#clock.nowMs();
  }

  #fail(fault: FaultView): void {
    this.at = 'failed';
    this.fault = fault;
    this.isFetching = false;
  }
}
