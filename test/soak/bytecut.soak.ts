/** The byte-cut proof without its short cut: every end at every byte, each followed until every unit has passed. */
import { openCutLab } from '../bytecut/cut-kinds.ts';
import { cutEverywhere } from '../bytecut/cut-plan.ts';
import type { Soak } from './runner.ts';

export const bytecut: Soak = {
  name: 'bytecut',
  about: 'a run cut at every byte and at every step of the journal, in every way: one pass of one identity',
  async run({ say }) {
    const lab = await openCutLab();
    const counts = [];
    for (const kind of lab.kinds) {
      say(kind.name);
      const count = await cutEverywhere(kind, lab.signer, { every: 'each', isMemorised: false });
      const note = `${count.bytes} at bytes, ${count.steps} at steps of the journal, each followed to its end`;
      counts.push({ name: kind.name, count: count.bytes + count.steps, note });
    }
    return counts;
  },
};
