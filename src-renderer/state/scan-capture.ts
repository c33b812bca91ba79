/**
 * Tells a scanner from a hand. A scanner is a keyboard that types fast and ends with Enter or Tab, whatever has the focus; a
 * lone number from 1 to 16 means a slot; anything else typed outside a field is the start of a serial number.
 */
import type { Clock } from '../../src-main/lib/base/clock.ts';

export interface ScanEffects {
  /** The text collected so far, to be shown in the scan field. */
  show(text: string): void;
  /** One code; several that came in one burst are joined by line feeds, for the station to refuse. */
  scan(text: string): void;
  focusSlot(slot: number): void;
}

// A hand needs longer between two keys than any scanner; a second digit of "12" comes within this time.
const digitPauseMs = 350;
// Scanners type a character every 1 to 20 ms; the fastest hands need 60.
const burstGapMs = 40;
const burstLength = 4;
// Within this time after a code nobody can have aimed at another label: the scanner saw both at once.
const joinMs = 60;
// The station takes 200 characters and says so of more; beyond this the rest tells nothing.
const maxText = 300;
// As many codes as tell the station that there were several.
const maxCodes = 8;

export class ScanCapture {
  readonly #clock: Clock;
  readonly #effects: ScanEffects;
  readonly #slots: () => number;
  #text = '';
  #burst = '';
  #lastMs = Number.NEGATIVE_INFINITY;
  #cancelPause: (() => void) | undefined;
  /** Codes that have ended and wait for whether another one belongs to their burst. */
  #ended: readonly string[] = [];
  #endedMs = 0;
  #cancelJoin: () => void = () => undefined;

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

  /** A character typed outside any field, and the time at which the key went down: a busy window may see it later. */
  type(character: string, atMs: number): void {
    this.#stopPause();
    this.#continue(atMs);
    this.#text = (this.#text + character).slice(0, maxText);
    if (this.#pendingSlot() === undefined) this.#effects.show(this.#text);
    else this.#cancelPause = this.#clock.after(digitPauseMs, () => this.#takeSlot());
  }

  /** Any character, wherever it goes: only its speed counts. Gives the length of the burst that it belongs to. */
  overhear(character: string, atMs: number): number {
    const isFast = atMs - this.#lastMs <= burstGapMs;
    this.#burst = isFast ? (this.#burst + character).slice(0, maxText) : character;
    this.#lastMs = atMs;
    return this.#burst.length;
  }

  /** Whether a burst of this length can only be a scanner's. */
  isScanner(length: number): boolean {
    return length >= burstLength;
  }

  /** Enter outside any field. Returns whether it ended something; if not, it means the next action. */
  enter(atMs: number): boolean {
    this.#burst = '';
    if (this.#cancelPause !== undefined && this.#ended.length === 0) {
      this.#takeSlot();
      return true;
    }
    const text = this.#text.trim();
    this.#stopPause();
    this.#wipe();
    if (text === '') return false;
    this.end(text, atMs);
    return true;
  }

  /** Enter or Tab after a burst: what the scanner read, or nothing when a hand typed. */
  burst(atMs: number): string | undefined {
    const isScan = this.isScanner(this.#burst.length) && atMs - this.#lastMs <= burstGapMs;
    const text = this.#burst;
    this.#burst = '';
    return isScan ? text.trim() : undefined;
  }

  /** A code has ended: it is taken once nothing more belongs to its burst. */
  end(text: string, atMs: number): void {
    this.#continue(atMs);
    this.#ended = [...this.#ended, text].slice(0, maxCodes);
    this.#endedMs = atMs;
    this.#joinSoon();
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
    this.#burst = '';
    this.#wipe();
    return had;
  }

  #wipe(): void {
    this.#text = '';
    this.#effects.show('');
  }

  /** What comes later than the burst of the codes that have ended does not belong to it. */
  #continue(atMs: number): void {
    if (this.#ended.length === 0) return;
    if (atMs - this.#endedMs > joinMs) this.#flush();
    else this.#joinSoon();
  }

  #joinSoon(): void {
    this.#cancelJoin();
    this.#cancelJoin = this.#clock.after(joinMs, () => this.#flush());
  }

  #flush(): void {
    this.#cancelJoin();
    const codes = this.#ended;
    this.#ended = [];
    if (codes.length > 0) this.#effects.scan(codes.join('\n'));
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
