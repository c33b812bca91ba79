/** Where the byte-cut proof cuts: at every byte of both directions, and before and after every step of the journal. */
import { type Cut, type CutKind, type CutSigner, type End, type Spoil, ends, tryCut } from './cut-case.ts';
import { directions } from './cut-line.ts';

export interface Count {
  readonly kind: string;
  /** Bytes and steps at which a run was cut. */
  bytes: number;
  steps: number;
  /** Cuts that were followed to the pass of every unit; the others led to a state from which that was seen. */
  followed: number;
}

export interface PlanOptions {
  /** `each`: every end at every place; `turn`: one end at each byte, in turn, and every end at every step. */
  readonly every: 'each' | 'turn';
  /** A cut that leads to a state from which it was seen how it goes on is not followed again. */
  readonly isMemorised: boolean;
  readonly spoil?: Spoil;
  /** No cuts at bytes. */
  readonly isStepsOnly?: boolean;
}

/** ECDSA signatures differ by some bytes from run to run: places behind the end of a run strike nothing. */
const slackBytes = 12;

export async function cutEverywhere(kind: CutKind, signer: CutSigner, options: PlanOptions): Promise<Count> {
  const { spoil } = options;
  const whole = await tryCut(kind, signer, undefined, spoil === undefined ? {} : { spoil });
  const count: Count = { kind: kind.name, bytes: 0, steps: 0, followed: 0 };
  const tried = {
    ...(spoil === undefined ? {} : { spoil }),
    ...(options.isMemorised ? { seen: new Set<string>() } : {}),
  };
  const tryOne = async (cut: Cut): Promise<void> => {
    const trace = await tryCut(kind, signer, cut, tried).catch((broken: unknown) => {
      throw new Error(`${kind.name}, cut at ${JSON.stringify(cut)}: ${broken instanceof Error ? broken.message : ''}`, {
        cause: broken,
      });
    });
    if (!trace.isStruck) return;
    if (cut.place.at === 'byte') count.bytes += 1;
    else count.steps += 1;
    if (trace.isFollowed) count.followed += 1;
  };
  for (const cut of stepCuts(whole.steps.length)) await tryOne(cut);
  if (options.isStepsOnly === true) return count;
  for (const direction of directions) {
    for (let byte = 1; byte <= whole.bytes[direction] + slackBytes; byte += 1) {
      for (const { end, isSwapped } of waysAt(byte, options.every)) {
        await tryOne({ place: { at: 'byte', direction, byte }, end, isSwapped });
      }
    }
  }
  return count;
}

function* stepCuts(steps: number): Generator<Cut> {
  for (let count = 1; count <= steps; count += 1) {
    for (const when of ['before', 'after'] as const) {
      for (const end of ends) yield { place: { at: 'step', count, when }, end, isSwapped: false };
      yield { place: { at: 'step', count, when }, end: 'hall', isSwapped: true };
    }
  }
}

const ways: readonly { readonly end: End; readonly isSwapped: boolean }[] = [
  ...ends.map((end) => ({ end, isSwapped: false })),
  { end: 'kill', isSwapped: true },
];

function waysAt(byte: number, every: PlanOptions['every']): typeof ways {
  return every === 'each' ? ways : ways.filter((_, at) => at === byte % ways.length);
}
