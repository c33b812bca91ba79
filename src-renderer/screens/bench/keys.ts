/** Sorts a key of the page: for the bench, for the field that has the focus, or a scan that ran into another field. */
import type { BenchScreen } from './bench.svelte.ts';

export const scanFieldId = 'scan-field';

type Field = HTMLInputElement | HTMLTextAreaElement;
// What a scanner sends for FNC1 between two parts of a GS1 code, as a keyboard: Ctrl and ].
const groupSeparator = '\u001d';
// Longer than any scanner pauses within a code, shorter than a person waits for what they typed.
const giveBackMs = 150;

export function hearKeys(bench: BenchScreen, event: KeyboardEvent): void {
  const key = event.ctrlKey && event.key === ']' ? groupSeparator : event.key;
  if (key !== groupSeparator && (event.ctrlKey || event.metaKey || event.altKey || event.isComposing)) return;
  if (isChooser(event.target)) {
    hearChooser(bench, event, key);
    return;
  }
  const field = otherField(event.target);
  const isDone = field === undefined ? hearBench(bench, event, key) : hearOther(bench, { event, key, field });
  if (!isDone) return;
  event.preventDefault();
  event.stopPropagation();
}

const texts: readonly string[] = ['text', 'password', 'search', 'number'];

function otherField(target: EventTarget | null): Field | undefined {
  if (target instanceof HTMLTextAreaElement) return target;
  if (!(target instanceof HTMLInputElement) || target.id === scanFieldId) return undefined;
  return texts.includes(target.type) ? target : undefined;
}

/** Letters and arrows choose in it; only a scanner goes past it. */
const isChooser = (target: EventTarget | null): boolean =>
  target instanceof HTMLSelectElement ||
  (target instanceof HTMLInputElement && ['radio', 'range'].includes(target.type));

function hearChooser(bench: BenchScreen, event: KeyboardEvent, key: string): void {
  const { capture } = bench;
  if (key.length === 1) capture.overhear(key, event.timeStamp);
  const text = key === 'Enter' || key === 'Tab' ? capture.burst(event.timeStamp) : undefined;
  if (text === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  capture.end(text, event.timeStamp);
}

function hearBench(bench: BenchScreen, event: KeyboardEvent, key: string): boolean {
  const { target, timeStamp } = event;
  const isInScanField = target instanceof HTMLInputElement;
  if (key === 'Tab') {
    // A scanner may be set up to end with Tab; after a hand it moves the focus.
    const text = bench.capture.burst(timeStamp);
    return text !== undefined && bench.capture.enter(timeStamp);
  }
  if (key.length === 1) bench.capture.overhear(key, timeStamp);
  // The scan field edits itself; only what ends a scan or means an action is taken from it.
  if (isInScanField && bench.text !== '' && !['Enter', 'Escape', groupSeparator].includes(key)) return false;
  const isOnControl = target instanceof HTMLButtonElement;
  const isTaken = bench.key(key, { isOnControl, atMs: timeStamp });
  // Whoever types to the bench is done with the button that still has the focus: Space is for the slot from now on.
  if (isTaken && isOnControl && (key.startsWith('Arrow') || (key.length === 1 && key !== ' '))) target.blur();
  return isTaken;
}

interface Stroke {
  readonly event: KeyboardEvent;
  readonly key: string;
  readonly field: Field;
}

/** A scanner does not look where the focus is: what it typed into a field is taken out again and taken as a scan. */
function hearOther(bench: BenchScreen, { event, key, field }: Stroke): boolean {
  const { capture } = bench;
  if (key === 'Enter' || key === 'Tab') {
    const text = capture.burst(event.timeStamp);
    if (text === undefined) return false;
    bench.held.drop();
    capture.end(text, event.timeStamp);
    return true;
  }
  if (key.length !== 1) return false;
  const length = capture.overhear(key, event.timeStamp);
  if (length === 1) bench.held.begin(field);
  if (!capture.isScanner(length)) return false;
  bench.held.hold(key, giveBackMs);
  return true;
}
