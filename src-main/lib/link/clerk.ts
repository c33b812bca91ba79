/** Takes requests in, chunk by chunk, has each run once, and remembers how it ended [LINK-6]. */
import { equalBytes, toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { failed, unreachable, type Result } from '../base/result.ts';
import { runOrder } from './device-desk.ts';
import { faultOfDevice } from './device-faults.ts';
import { answerHoldMs } from './limits.ts';
import { benchErrors, encodeResult, requestKinds, requestStates, type RequestKind } from './messages.ts';
import { openParcel, packParcel, parcelHashBytes } from './parcel.ts';
import { createRequestBook, sameOrder, type Entry, type Order, type RequestBook } from './request-book.ts';
import type { LinkDevice, LinkServerParts } from './types.ts';

/** Members of the answer, or the error to give [LINK-3.5]. */
export type Reply =
  | { readonly at: 'answer'; readonly members: Readonly<Record<string, unknown>> }
  | { readonly at: 'error'; readonly rc: number };

export interface Chunk {
  readonly id: Uint8Array;
  readonly kind: RequestKind;
  readonly offset: number;
  readonly length: number;
  readonly data: Uint8Array;
}

export interface Clerk {
  take(chunk: Chunk): Promise<Reply>;
  /** What became of a request; of one that runs, after its end or as long as an answer may wait for it [LINK-6.9]. */
  ended(id: Uint8Array): Promise<Entry | undefined>;
}

/** [LINK-6.5] A TPM command changes sessions and counters: run twice, it is another command. */
export function isOnceOnly(kind: RequestKind): boolean {
  return kind === requestKinds.tpm;
}

/** The parcel that is arriving; one at a time [LINK-6.2]. */
interface Staged {
  readonly id: Uint8Array;
  readonly kind: RequestKind;
  readonly parcel: Uint8Array;
  have: number;
}

export function createClerk(device: LinkDevice, parts: LinkServerParts): Clerk {
  let book: RequestBook | undefined;
  let staged: Staged | undefined;
  let job: Promise<void> = Promise.resolve();
  const holdMs = holdOf(parts);

  const opened = async (): Promise<RequestBook> => (book ??= createRequestBook(await parts.memory?.load()));
  const save = async (from: RequestBook): Promise<void> => parts.memory?.save(from.saved());

  const run = async (order: Order, content: Uint8Array, from: RequestBook): Promise<void> => {
    const outcome = await runGuarded(device, order, content, parts);
    const result = encodeResult(
      outcome.ok
        ? { at: 'done', value: outcome.value }
        : { at: 'failed', code: outcome.fault.code, message: outcome.fault.say },
    );
    from.finish(order.id, packParcel(result));
    await save(from);
  };

  const start = async (whole: Staged, from: RequestBook): Promise<Reply> => {
    staged = undefined;
    const content = openParcel(whole.parcel);
    if (content === undefined) return { at: 'error', rc: benchErrors.hash };
    const { id, kind, parcel } = whole;
    const order = { id, kind, length: parcel.length, hash: parcel.slice(0, parcelHashBytes) };
    from.start(order);
    // [LINK-6.5] Noted before it runs: after a restart the device knows that it may have happened.
    try {
      await save(from);
    } catch (error) {
      // Nothing ran: left as running it would keep every later request out for ever.
      from.forget(id);
      throw error;
    }
    job = run(order, content, from).catch((error: unknown) => {
      parts.log.error('link-memory-broke', { error: nameOf(error) });
    });
    return at(parcel.length, requestStates.running);
  };

  return {
    async ended(id) {
      const from = await opened();
      if (holdMs > 0 && from.find(id)?.at === 'running') await within(parts.clock, holdMs, job);
      return from.find(id);
    },
    async take(chunk) {
      const from = await opened();
      const entry = from.find(chunk.id);
      const decided = entry && earlier(entry, chunk);
      if (decided !== undefined) return decided;
      if (from.running !== undefined) return { at: 'error', rc: benchErrors.busy };
      staged = stagedFor(staged, chunk);
      if (staged === undefined) return at(0, requestStates.receiving);
      if (!fits(staged, chunk)) return { at: 'error', rc: benchErrors.idReused };
      // [LINK-6.2] Any other offset is answered with the one that is wanted, and nothing is stored.
      if (chunk.offset !== staged.have) return at(staged.have, requestStates.receiving);
      // All other kinds are safe to run again under their id: an interrupted one starts anew.
      if (entry !== undefined) from.forget(entry.id);
      staged.parcel.set(chunk.data, staged.have);
      staged.have += chunk.data.length;
      return staged.have === chunk.length ? start(staged, from) : at(staged.have, requestStates.receiving);
    },
  };
}

/**
 * [LINK-6.9] A device that forgets at a restart answers at once: a `send` that is repeated because the answer was lost
 * would be a new command to it.
 */
export function holdOf({ memory, holdMs = answerHoldMs }: LinkServerParts): number {
  return memory === undefined ? 0 : holdMs;
}

function within(clock: Clock, ms: number, work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, resolve);
    void work.finally(cancel).finally(resolve);
  });
}

/** What an earlier arrival of the same id decides; undefined when the request may be taken [LINK-6.4]. */
function earlier(entry: Entry, chunk: Chunk): Reply | undefined {
  if (!sameOrder(entry, chunk)) return { at: 'error', rc: benchErrors.idReused };
  switch (entry.at) {
    case 'running':
      return at(entry.length, requestStates.running);
    case 'done':
      return at(entry.length, requestStates.done);
    case 'interrupted':
      return isOnceOnly(entry.kind) ? { at: 'error', rc: benchErrors.interrupted } : undefined;
    default:
      return unreachable(entry);
  }
}

/** The staging area for this chunk; a first chunk of another request takes it over, a later one finds none. */
function stagedFor(staged: Staged | undefined, chunk: Chunk): Staged | undefined {
  if (staged !== undefined && toHex(staged.id) === toHex(chunk.id)) return staged;
  if (chunk.offset !== 0) return undefined;
  return { id: chunk.id, kind: chunk.kind, parcel: new Uint8Array(chunk.length), have: 0 };
}

/** [LINK-6.3] A repeat under the same id must bring the same request, as far as both are there. */
function fits(staged: Staged, chunk: Chunk): boolean {
  if (staged.kind !== chunk.kind || staged.parcel.length !== chunk.length) return false;
  if (chunk.offset !== 0) return true;
  const shared = Math.min(staged.have, chunk.data.length, parcelHashBytes);
  return equalBytes(staged.parcel.subarray(0, shared), chunk.data.subarray(0, shared));
}

function at(offset: number, s: number): Reply {
  return { at: 'answer', members: { o: offset, s } };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

async function runGuarded(
  device: LinkDevice,
  order: Order,
  content: Uint8Array,
  parts: LinkServerParts,
): Promise<Result<Uint8Array>> {
  try {
    return await runOrder(device, { requestId: toHex(order.id), kind: order.kind, content });
  } catch (error) {
    // A bug of the device is told to the station as one; its text may hold anything and stays here.
    parts.log.error('link-request-broke', { kind: order.kind, error: nameOf(error) });
    return failed(faultOfDevice('internal'));
  }
}
