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

  it('are set aside with a reason and not without, stay listed, and are scrapped from there', async () => {
    const { app, screen, unit, of } = await screenOf();
    screen.decide(unit(0).unitId);
    screen.reason = ' x ';
    await screen.end(unit(0));
    expect(screen.reasonWrong).toBe(words.recovery.reasonWrong);
    screen.reason = 'The board is burnt';
    await screen.end(unit(0));
    expect(of('recovery.setAside')).toEqual([{ unitId: 'u1', reason: 'The board is burnt' }]);
    expect(app.recovery.waiting).toHaveLength(1);
    expect(screen.decidingId).toBeUndefined();
    expect(unit(0)).toMatchObject({ state: 'set-aside', reason: 'The board is burnt' });
    screen.decide(unit(0).unitId);
    screen.reason = 'It is in the bin';
    await screen.end(unit(0));
    expect(of('recovery.scrap')).toEqual([{ unitId: 'u1', reason: 'It is in the bin' }]);
    expect(screen.units.some(({ unitId }) => unitId === 'u1')).toBe(false);
  });
});
