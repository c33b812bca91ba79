import { afterEach, expect, test } from 'vitest';
import { screenLab } from '../../test/renderer/screen-lab.ts';

afterEach(() => localStorage.removeItem('training'));

test('a training that a restart ended is told until it is understood, also by a window that is opened again', async () => {
  const before = await screenLab('slots=4&scene=training');
  expect(before.app.training.running).toEqual([1, 4]);
  expect(before.app.training.ended).toEqual([]);
  // The station is there again, and its units are sound.
  const after = await screenLab('slots=4&scene=ready');
  expect(after.app.training.running).toEqual([]);
  expect(after.app.training.ended).toEqual([1, 4]);
  const reopened = await screenLab('slots=4&scene=ready');
  expect(reopened.app.training.ended).toEqual([1, 4]);
  reopened.app.training.understood();
  expect((await screenLab('slots=4&scene=ready')).app.training.ended).toEqual([]);
});

test('a training that a person ends is no news after a restart', async () => {
  const { app, of } = await screenLab('slots=4&scene=training');
  await app.training.end();
  expect(of('virtual.setFault')).toEqual([{ slot: 1 }, { slot: 4 }]);
  expect(app.training.running).toEqual([]);
  expect((await screenLab('slots=4&scene=ready')).app.training.ended).toEqual([]);
});
