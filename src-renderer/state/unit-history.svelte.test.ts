import { expect, test } from 'vitest';
import { screenLab } from '../../test/renderer/screen-lab.ts';
import { UnitHistory } from './unit-history.svelte.ts';

test('a history stands newest first, and what rework superseded stands between the runs it parted', async () => {
  const { app } = await screenLab();
  const history = new UnitHistory(app.station);
  await history.show('u17');
  expect(history.entries.map(({ title }) => title)).toEqual([
    'Run 3 · PASS',
    'Identity superseded',
    'Run 2 · PASS',
    'Run 1 · ERROR',
  ]);
  expect(history.entries[1]?.lines[0]).toBe('Reworked by Ada Okafor: Field return, board exchanged');
  expect(history.entries[3]).toMatchObject({
    code: 'device-silent',
    lines: [expect.stringContaining('ended in Write'), 'The unit stopped answering.'],
  });
});

test('a unit is found by its whole serial number, and one without a record has no history', async () => {
  const { app, of } = await screenLab();
  const history = new UnitHistory(app.station);
  await history.find('SN-2026-900000');
  expect(of('unit.history')).toEqual([{ unitId: 'u0' }]);
  expect(history.view).toBeDefined();
  await history.find('SN-2026-9');
  expect(of('unit.history')).toHaveLength(1);
  expect(history.view).toBeUndefined();
});

test('an answer to an earlier question is not shown for the unit asked about now', async () => {
  const { app } = await screenLab();
  const history = new UnitHistory(app.station);
  const earlier = history.find('SN-2026-900000');
  const later = history.show('u5');
  await Promise.all([earlier, later]);
  expect(history.view?.unitId).toBe('u5');
});
