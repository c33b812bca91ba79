/** The batches: which one is looked at, its units, and what may be done with it. */
import type { BatchView, UnitState, UnitView } from '../../../src-main/contract/views.ts';
import type { App } from '../../state/app.svelte.ts';
import { PagedList } from '../../state/paged-list.svelte.ts';
import { Task } from '../../state/task.svelte.ts';

export type UnitFilter = UnitState | 'all';
export interface Report {
  readonly batchId: string;
  readonly path: string;
  readonly units: number;
}

// A pause in typing that is short for a hand and long for the store.
const searchPauseMs = 200;

export class BatchesScreen {
  readonly units: PagedList<UnitView>;
  readonly act: Task;
  readonly reporting: Task;
  filter = $state<UnitFilter>('all');
  search = $state('');
  isOpening = $state(false);
  isAskingClose = $state(false);
  report = $state.raw<Report>();
  unitId = $state<string>();
  #picked = $state<string>();
  #listed: string | undefined;
  #cancelSearch: () => void = () => undefined;
  readonly #app: App;

  readonly batches = $derived.by(() => this.#app.station.batches);
  readonly currentId = $derived.by(() => this.#app.station.view?.batchId);
  readonly batch = $derived.by(() => this.#find(this.#picked) ?? this.#find(this.currentId) ?? this.batches[0]);
  readonly unit = $derived.by(() => this.units.items.find((unit) => unit.unitId === this.unitId));
  readonly isFiltered = $derived.by(() => this.filter !== 'all' || this.search.trim() !== '');

  constructor(app: App) {
    this.#app = app;
    this.act = new Task(app.clock);
    this.reporting = new Task(app.clock);
    this.units = new PagedList<UnitView>((cursor, limit) => {
      const search = this.search.trim();
      return app.station.ask('unit.list', {
        limit,
        ...(this.#listed === undefined ? {} : { batchId: this.#listed }),
        ...(cursor === undefined ? {} : { cursor }),
        ...(search === '' ? {} : { search: search.slice(0, 128) }),
        ...(this.filter === 'all' ? {} : { state: this.filter }),
      });
    }, app.clock);
  }

  open(): () => void {
    this.#list();
    const stop = this.#app.station.onRows((rows) => {
      if (!rows.units) return;
      if (this.#listed === undefined) this.#list();
      else this.units.refreshSoon();
    });
    return () => {
      stop();
      this.#cancelSearch();
      this.units.close();
    };
  }

  pick(batchId: string): void {
    this.isOpening = false;
    this.isAskingClose = false;
    this.unitId = undefined;
    this.act.forget();
    this.reporting.forget();
    this.#picked = batchId;
    this.#list();
  }

  choose(filter: UnitFilter): void {
    this.filter = filter;
    void this.units.restart();
  }

  seek(text: string): void {
    this.search = text;
    this.#cancelSearch();
    this.#cancelSearch = this.#app.clock.after(searchPauseMs, () => void this.units.restart());
  }

  showAll(): void {
    this.search = '';
    this.choose('all');
  }

  async select(batchId: string): Promise<void> {
    const view = await this.act.run(() => this.#app.station.ask('batch.select', { batchId }));
    if (view !== undefined) this.#app.station.view = view;
  }

  async close(batchId: string): Promise<void> {
    this.isAskingClose = false;
    const batch = await this.act.run(() => this.#app.station.ask('batch.close', { batchId }));
    if (batch !== undefined) this.#app.station.hearBatch(batch);
  }

  async save(batchId: string, format: 'csv' | 'jsonl'): Promise<void> {
    const saved = await this.reporting.run(() => this.#app.station.ask('batch.report', { batchId, format }));
    if (saved !== undefined) this.report = { batchId, ...saved };
  }

  /** A batch just opened becomes the one that is looked at, and the one that scans belong to. */
  async opened(batch: BatchView): Promise<void> {
    this.#app.station.hearBatch(batch);
    this.pick(batch.batchId);
    await this.select(batch.batchId);
  }

  toBench(): void {
    this.#app.screen = 'bench';
  }

  #find(batchId: string | undefined): BatchView | undefined {
    return this.batches.find((batch) => batch.batchId === batchId);
  }

  #list(): void {
    this.#listed = this.batch?.batchId;
    if (this.#listed !== undefined) void this.units.restart();
  }
}
