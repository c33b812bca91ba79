/** Which of the waiting asks share a commit: the short ones of the bench, as they stand beside each other. */
import type { OperationName, ToWorker } from './worker-protocol.ts';

export type Ask = Extract<ToWorker, { kind: 'ask' }>;

export type AskRun = { readonly kind: 'asks'; readonly asks: readonly Ask[] } | { readonly kind: 'close' };

/** Twice the slots: who came first waits for the work of all, some milliseconds. */
export const maxTogether = 32;

/** Each takes a millisecond or two. What reads pages of rows goes alone: nobody's commit waits for a report. */
const short: ReadonlySet<OperationName> = new Set([
  ...(['begin', 'claim', 'intend', 'fulfil', 'pass', 'end', 'verdict', 'typicalMs'] as const),
  ...(['openedBatch', 'batchView', 'unitView', 'listSamples'] as const),
  ...(['lifeDue', 'lifeSettle', 'outboxTake', 'outboxSettle', 'outboxCounts'] as const),
]);

/** In their order. */
export function runsOf(messages: readonly ToWorker[]): readonly AskRun[] {
  const runs: AskRun[] = [];
  let together: Ask[] = [];
  for (const message of messages) {
    if (message.kind === 'ask' && short.has(message.name)) {
      if (together.length === 0) runs.push({ kind: 'asks', asks: together });
      together.push(message);
      continue;
    }
    together = [];
    runs.push(message.kind === 'ask' ? { kind: 'asks', asks: [message] } : { kind: 'close' });
  }
  return runs;
}
