/**
 * The byte-cut proof without its short cuts. In this process: every end at every byte, each followed until every unit has
 * passed. Between real programs: every byte, with one end in turn.
 */
import { openCutLab } from '../bytecut/cut-kinds.ts';
import { cutEverywhere } from '../bytecut/cut-plan.ts';
import { cutEveryByte, toldOf } from '../bytecut/real-plan.ts';
import type { Soak } from './runner.ts';

export const bytecutInProcess: Soak = {
  name: 'bytecut-in-process',
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

export const bytecut: Soak = {
  name: 'bytecut',
  about:
    'station, agents with swtpm and a modem over pseudo-terminals, SIGKILL or a pulled cable at every byte: the same',
  async run({ seed, folder, from, cuts, say }) {
    const counts = await cutEveryByte(folder, { from, most: cuts, seed, say });
    return counts.map((count) => ({ name: count.kind, count: count.cuts, note: toldOf(count) }));
  },
};
