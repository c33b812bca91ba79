/** One thing asked of the station: idle, busy, done or failed, and slow once it deserves to show progress. */
import type { FaultView } from '../../src-main/contract/messages.ts';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import type { Answer } from '../bridge/client.ts';

export type TaskState =
  | { readonly at: 'idle' }
  | { readonly at: 'busy'; readonly isSlow: boolean }
  | { readonly at: 'done' }
  | { readonly at: 'failed'; readonly fault: FaultView };

// Under half a second progress would only flicker.
const slowAfterMs = 500;

export class Task {
  state = $state.raw<TaskState>({ at: 'idle' });
  readonly isBusy = $derived(this.state.at === 'busy');
  readonly isSlow = $derived(this.state.at === 'busy' && this.state.isSlow);
  readonly fault = $derived(this.state.at === 'failed' ? this.state.fault : undefined);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs one at a time: a second start while busy is ignored. */
  async run<T>(work: () => Promise<Answer<T>>): Promise<T | undefined> {
    if (this.isBusy) return undefined;
    this.state = { at: 'busy', isSlow: false };
    const cancel = this.#clock.after(slowAfterMs, () => {
      if (this.state.at === 'busy') this.state = { at: 'busy', isSlow: true };
    });
    const answer = await work();
    cancel();
    this.state = answer.ok ? { at: 'done' } : { at: 'failed', fault: answer.fault };
    return answer.ok ? answer.value : undefined;
  }

  forget(): void {
    if (!this.isBusy) this.state = { at: 'idle' };
  }
}
