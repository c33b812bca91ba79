/** The outbox: what the service must still be told, by state, and the parked entries that need a person. */
import type { OutboxEntryView, OutboxState } from '../../../src-main/contract/views.ts';
import type { App } from '../../state/app.svelte.ts';
import { PagedList } from '../../state/paged-list.svelte.ts';
import { Task } from '../../state/task.svelte.ts';

export type OutboxFilter = OutboxState | 'all';

export class OutboxScreen {
  readonly entries: PagedList<OutboxEntryView>;
  readonly parked: PagedList<OutboxEntryView>;
  readonly retrying: Task;
  filter = $state<OutboxFilter>('all');
  retriedId = $state<number>();
  readonly #app: App;
  readonly target = $derived.by(() => this.#app.station.view?.target);

  constructor(app: App) {
    this.#app = app;
    this.retrying = new Task(app.clock);
    const fetch = (state: () => OutboxFilter) => (cursor: string | undefined, limit: number) => {
      const wanted = state();
      return app.station.ask('outbox.list', {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(wanted === 'all' ? {} : { state: wanted }),
      });
    };
    this.entries = new PagedList<OutboxEntryView>(
      fetch(() => this.filter),
      app.clock,
    );
    this.parked = new PagedList<OutboxEntryView>(
      fetch(() => 'parked'),
      app.clock,
    );
  }

  open(): () => void {
    void this.reload();
    const stop = this.#app.station.onRows((rows) => {
      if (!rows.outbox) return;
      this.entries.refreshSoon();
      this.parked.refreshSoon();
    });
    return () => {
      stop();
      this.entries.close();
      this.parked.close();
    };
  }

  choose(filter: OutboxFilter): void {
    this.filter = filter;
    void this.entries.restart();
  }

  async retry(entryId: number): Promise<void> {
    this.retriedId = entryId;
    const entry = await this.retrying.run(() => this.#app.station.ask('outbox.retry', { entryId }));
    if (entry !== undefined) await this.reload();
  }

  async reload(): Promise<void> {
    await Promise.all([this.entries.reload(), this.parked.reload()]);
  }
}
