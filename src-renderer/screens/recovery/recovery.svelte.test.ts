import { describe, expect, it } from 'vitest';
import { screenLab } from '../../../test/renderer/screen-lab.ts';
import { RecoveryScreen } from './recovery.svelte.ts';
import { words } from '../../words/words.ts';

async function screenOf() {
  const lab = await screenLab('slots=4&scene=ready');
  await lab.app.recovery.load();
  const screen = new RecoveryScreen(lab.app);
  const unit = (at: number) => {
    const found = screen.units[at];
    if (found === undefined) throw new Error('no such unit');
    return found;
  };
  return { ...lab, screen, unit };
}

describe('interrupted units', () => {
  it('are asked for at the start, and counted as long as they wait', async () => {
    const { app } = await screenLab('slots=4&scene=ready');
    expect(app.recovery.waiting.map((unit) => unit.slot)).toEqual([1, 2]);
  });

  it('are resumed where they are now, and the bench shows it', async () => {
    const { app, screen, unit, of } = await screenOf();
    app.screen = 'recovery';
    screen.slots[unit(0).unitId] = '3';
    await screen.resume(unit(0));
    expect(of('recovery.resume')).toEqual([{ unitId: 'u1', slot: 3 }]);
    expect(app.station.slots[2]?.run?.state).toBe('working');
    expect(app.screen).toBe('bench');
  });

  it.each(['', '0', '5', '1.5', 'x'])('are not resumed in %j, which is no slot of this bench', async (text) => {
    const { screen, unit, of } = await screenOf();
    screen.slots[unit(0).unitId] = text;
    await screen.resume(unit(0));
    expect(of('recovery.resume')).toEqual([]);
  });

  it('are set aside with a reason, and not without', async () => {
    const { app, screen, unit, of } = await screenOf();
    screen.name(unit(0).unitId);
    screen.reason = ' x ';
    await screen.setAside(unit(0).unitId);
    expect(screen.reasonWrong).toBe(words.recovery.reasonWrong);
    screen.reason = 'The board is burnt';
    await screen.setAside(unit(0).unitId);
    expect(of('recovery.name')).toEqual([{ unitId: 'u1', reason: 'The board is burnt' }]);
    expect(app.recovery.waiting).toHaveLength(1);
    expect(screen.namingId).toBeUndefined();
  });
});
