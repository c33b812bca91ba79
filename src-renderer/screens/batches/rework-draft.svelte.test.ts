import { expect, it } from 'vitest';
import { screenLab } from '../../../test/renderer/screen-lab.ts';
import { ReworkDraft } from './rework-draft.svelte.ts';
import { words } from '../../words/words.ts';

it('a unit is reworked with a reason, and not without', async () => {
  const { app, of } = await screenLab();
  const draft = new ReworkDraft(app);
  draft.begin();
  draft.reason = 'x';
  expect(await draft.submit('u0')).toBe(false);
  expect(draft.wrong).toBe(words.rework.reasonWrong);
  draft.reason = ' wrong label ';
  expect(await draft.submit('u0')).toBe(true);
  expect(of('unit.rework')).toEqual([{ unitId: 'u0', reason: 'wrong label' }]);
  expect(draft.isOpen).toBe(false);
});
