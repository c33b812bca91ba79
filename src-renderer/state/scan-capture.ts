/**
 * Tells a scanner from a hand. A scanner is a keyboard that types fast and ends with Enter, whatever has the focus; a
 * lone number from 1 to 16 means a slot; anything else typed outside a field is the start of a serial number.
 */
import type { Clock } from '../../src-main/lib/base/clock.ts';

export interface ScanEffects {
  /** The text collected so far, to be shown in the scan field. */
  show(text: string): void;
  scan(text: string): void;
  focusSlot(slot: number): void;
}

// A hand needs longer between two keys than any scanner; a second digit of "12" comes within this time.
const digitPauseMs = 350;
// Scanners type a character every 1 to 20 ms; the fastest hands need 60.
const burstGapMs = 40;
const burstLength = 4;
// The longest scan the contract takes.
const maxText = 200;

export class ScanCapture {
  readonly #clock: Clock;
  readonly #effects: ScanEffects;
  readonly #slots: () => number;
  #text = '';
  #burst = '';
  #lastMs = Number.NEGATIVE_INFINITY;
  #cancelPause: (() => void) | undefined;

  constructor(clock: Clock, slots: () => number, effects: ScanEffects) {
    this.#clock = clock;
    this.#slots = slots;
    this.#effects = effects;
  }

  /** The text as a person edited it in the field. */
  replace(text: string): void {
    this.#stopPause();
    this.#text = text.slice(0, maxText);
  }

  /** A character typed outside any field. */
  type(character: string): void {
    this.#stopPause();
    this.#text = (this.#text + character).slice(0, maxText);
    if (this.#pendingSlot() === undefined) this.#effects.show(this.#text);
    else this.#cancelPause = this.#clock.after(digitPauseMs, () => this.#takeSlot());
  }

  /**
   * A character typed into some other field: only its speed counts, by the time at which the key went down, since a busy
   * window may see it later. Returns whether it goes on with a burst.
   */
  overhear(character: string, atMs: number): boolean {
    const isFast = atMs - this.#lastMs <= burstGapMs;
    this.#burst = isFast ? (this.#burst + character).slice(0, maxText) : character;
    this.#lastMs = atMs;
    return isFast;
  }

  /** Enter outside any field. Returns whether it ended something; if not, it means the next action. */
  enter(): boolean {
    if (this.#cancelPause !== undefined) {
      this.#takeSlot();
      return true;
    }
    return this.#submit(this.#text);
  }

  /** Enter in some other field: the burst that was a scan, or nothing when a hand typed it. */
  burst(atMs: number): string | undefined {
    const isScan = this.#burst.length >= burstLength && atMs - this.#lastMs <= burstGapMs;
    const text = this.#burst;
    this.#burst = '';
    return isScan ? text : undefined;
  }

  backspace(): void {
    this.#stopPause();
    this.#text = this.#text.slice(0, -1);
    this.#effects.show(this.#text);
  }

  /** Returns whether there was something to clear. */
  clear(): boolean {
    const had = this.#text !== '';
    this.#stopPause();
    this.#text = '';
    this.#burst = '';
    this.#effects.show('');
    return had;
  }

  #submit(text: string): boolean {
    const trimmed = text.trim();
    this.clear();
    if (trimmed === '') return false;
    this.#effects.scan(trimmed);
    return true;
  }

  #pendingSlot(): number | undefined {
    if (!/^[1-9]\d?$/.test(this.#text)) return undefined;
    const slot = Number(this.#text);
    return slot <= this.#slots() ? slot : undefined;
  }

  #takeSlot(): void {
    const slot = this.#pendingSlot();
    this.clear();
    if (slot !== undefined) this.#effects.focusSlot(slot);
  }

  #stopPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }
}
