/** Sorts a key of the page: for the bench, for the field that has the focus, or a scan that ran into another field. */
import type { BenchScreen } from './bench.svelte.ts';

export const scanFieldId = 'scan-field';

export function hearKeys(bench: BenchScreen, event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const { target } = event;
  const isDone =
    target instanceof HTMLInputElement && target.id !== scanFieldId && target.type === 'text'
      ? hearOther(bench, event, target)
      : hearBench(bench, event);
  if (!isDone) return;
  event.preventDefault();
  event.stopPropagation();
}

function hearBench(bench: BenchScreen, event: KeyboardEvent): boolean {
  const { target } = event;
  const isInScanField = target instanceof HTMLInputElement && target.id === scanFieldId;
  // The scan field edits itself; only what ends a scan or means an action is taken from it.
  if (isInScanField && bench.text !== '' && event.key !== 'Enter' && event.key !== 'Escape') return false;
  const isOnControl = target instanceof HTMLButtonElement;
  return bench.key(event.key, isOnControl);
}

/** A scanner does not look where the focus is: what it typed into a field is taken out again and started. */
function hearOther(bench: BenchScreen, event: KeyboardEvent, field: HTMLInputElement): boolean {
  if (event.key === 'Enter') {
    const text = bench.capture.burst(event.timeStamp);
    if (text === undefined) return false;
    field.value = bench.fieldBefore;
    void bench.start(text);
    return true;
  }
  if (event.key.length !== 1) return false;
  if (!bench.capture.overhear(event.key, event.timeStamp)) bench.fieldBefore = field.value;
  return false;
}
