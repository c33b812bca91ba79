/** The time on the wall, turning over often enough for an elapsed time that a person watches. */
import type { Clock } from '../../src-main/lib/base/clock.ts';

const turnMs = 250;

export class Now {
  ms = $state(0);
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.ms = clock.nowMs();
  }

  open(): () => void {
    let cancel: () => void = () => undefined;
    const turn = (): void => {
      this.ms = this.#clock.nowMs();
      cancel = this.#clock.after(turnMs, turn);
    };
    turn();
    return () => cancel();
  }
}
