/** Walks the whole audit chain, a page at a time, whoever reads the pages. */
import { type Result, ok } from '../../lib/base/result.ts';
import { type ChainHead, genesisHash } from './events.ts';

export interface SoundChain {
  readonly events: number;
  /** SHA-256 of the newest event: what a report names. */
  readonly head: string;
}

export interface ChainPages {
  verifyPage(from: ChainHead): Promise<Result<ChainHead & { readonly more: boolean }>>;
  verifyPasses(after: number): Promise<Result<number>>;
}

export async function walkChain(pages: ChainPages): Promise<Result<SoundChain>> {
  let at: ChainHead & { readonly more: boolean } = { seq: 0, hash: genesisHash, more: true };
  while (at.more) {
    const page = await pages.verifyPage({ seq: at.seq, hash: at.hash });
    if (!page.ok) return page;
    at = page.value;
  }
  let after = 0;
  do {
    const page = await pages.verifyPasses(after);
    if (!page.ok) return page;
    after = page.value;
  } while (after !== 0);
  return ok({ events: at.seq, head: at.hash });
}
