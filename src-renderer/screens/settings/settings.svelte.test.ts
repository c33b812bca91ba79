import { expect, test } from 'vitest';
import { screenLab } from '../../../test/renderer/screen-lab.ts';
import { SettingsScreen } from './settings.svelte.ts';

test('the number of slots is chosen, then set, and the bench shows as many cards', async () => {
  const { app, clock, of } = await screenLab('slots=4');
  const screen = new SettingsScreen(app);
  expect(screen.slots).toBe(4);
  screen.chooseSlots(8);
  expect(of('bench.setSlots')).toEqual([]);
  await screen.resize();
  await clock.advance(0);
  expect(of('bench.setSlots')).toEqual([{ slots: 8 }]);
  expect(app.station.slots.map(({ slot }) => slot)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(screen.shownSlots).toBe(8);
});

test('a refused number stays chosen beside the reason, until another one is chosen', async () => {
  const { app } = await screenLab('slots=4&mood=silent');
  const screen = new SettingsScreen(app);
  screen.chooseSlots(2);
  await screen.resize();
  expect(screen.resizing.fault).toBeDefined();
  expect(screen.slots).toBe(2);
  expect(screen.shownSlots).toBe(4);
  screen.chooseSlots(3);
  expect(screen.resizing.fault).toBeUndefined();
});
