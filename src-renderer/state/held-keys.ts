/** What a scanner typed into a field, held back: dropped when it was a scan, given back to the field when it was not. */
import type { Clock } from '../../src-main/lib/base/clock.ts';

export interface HeldField {
  value: string;
  dispatchEvent(event: Event): boolean;
}

export class HeldKeys {
  readonly #clock: Clock;
  #field: HeldField | undefined;
  #before = '';
  #typed = '';
  #held = '';
  #cancel: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A key that may begin a burst: what the field held before it is remembered. */
  begin(field: HeldField): void {
    this.#giveBack();
    this.#field = field;
    this.#before = field.value;
    this.#typed = '';
  }

  /** A key that can only be a scanner's; those of its burst that the field already shows are taken out. */
  hold(character: string, forMs: number): void {
    const field = this.#field;
    if (field === undefined) return;
    if (this.#held === '') {
      this.#typed = field.value;
      put(field, this.#before);
    }
    this.#held += character;
    this.#cancel();
    this.#cancel = this.#clock.after(forMs, () => this.#giveBack());
  }

  drop(): void {
    this.#cancel();
    this.#held = '';
    this.#field = undefined;
  }

  #giveBack(): void {
    this.#cancel();
    if (this.#field !== undefined && this.#held !== '') put(this.#field, this.#typed + this.#held);
    this.#held = '';
  }
}

/** As if it had been typed, so that whoever listens to the field follows. */
function put(field: HeldField, value: string): void {
  field.value = value;
  field.dispatchEvent(new Event('input', { bubbles: true }));
}
