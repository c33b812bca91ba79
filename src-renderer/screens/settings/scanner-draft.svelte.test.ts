import { describe, expect, it } from 'vitest';
import { screenLab } from '../../../test/renderer/screen-lab.ts';
import { ScannerDraft } from './scanner-draft.svelte.ts';

async function draftOf(rules?: unknown) {
  const lab = await screenLab();
  if (rules !== undefined) lab.answers['scan.rules'] = rules;
  const draft = new ScannerDraft(lab.app);
  await draft.open();
  return { ...lab, draft };
}

describe('the rules of the scanner', () => {
  it('are shown as one prefix a kind and saved as they were, where nothing is changed', async () => {
    const rules = {
      rules: [
        { kind: 'slot', by: 'prefix', text: 'SLOT-' },
        { kind: 'badge', by: 'pattern', text: 'P\\d{5}' },
      ],
      ...{ framePrefix: '~', frameSuffix: '', blankingMs: 500, readsGs1: false },
    };
    const { draft } = await draftOf(rules);
    expect(draft.prefixes.slot).toBe('SLOT-');
    expect(draft.kept).toHaveLength(1);
    expect(draft.rules()).toEqual(rules);
  });

  it('are saved as they were edited, an empty prefix for none', async () => {
    const { draft, of } = await draftOf();
    draft.prefixes.slot = 'FIX';
    draft.prefixes.command = ' ';
    draft.blanking = '750';
    await draft.save();
    expect(of('scan.setRules')).toMatchObject([
      { rules: { blankingMs: 750, rules: [{ text: 'FIX' }, { kind: 'badge', text: 'OP-' }] } },
    ]);
  });

  it.each(['', 'x', '10001', '-1'])('are not saved with the blanking time %j', async (text) => {
    const { draft, of } = await draftOf();
    draft.blanking = text;
    await draft.save();
    expect(of('scan.setRules')).toEqual([]);
  });
});
