import { describe, expect, it } from 'vitest';
import { screenLab } from '../../../test/renderer/screen-lab.ts';
import { SamplesScreen } from './samples.svelte.ts';
import { words } from '../../words/words.ts';

async function screenOf(query: string) {
  const lab = await screenLab(query);
  const screen = new SamplesScreen(lab.app);
  await screen.load();
  return { ...lab, screen };
}

describe('golden samples', () => {
  it('say what this shift still needs', async () => {
    const { screen } = await screenOf('scene=golden');
    expect(screen.isDemanded).toBe(true);
    expect(screen.shift).toEqual([
      { expect: 'pass', isDue: false },
      { expect: 'fail', isDue: true },
    ]);
  });

  it('are demanded by no batch that does not say so', async () => {
    const { screen } = await screenOf('scene=ready');
    expect(screen.isDemanded).toBe(false);
  });

  it('are added with name, serial number and what they must do', async () => {
    const { screen, of } = await screenOf('scene=golden');
    await screen.add();
    expect(screen.wrong.name).toBe(words.samples.nameWrong);
    screen.name = 'G-BAD-2';
    screen.serialNumber = ' GOLD-0003 ';
    screen.expect = 'fail';
    await screen.add();
    expect(of('golden.add')).toEqual([{ name: 'G-BAD-2', serialNumber: 'GOLD-0003', expect: 'fail' }]);
    expect(screen.samples).toHaveLength(3);
    expect(screen.name).toBe('');
  });

  it('are removed by their serial number', async () => {
    const { screen } = await screenOf('scene=golden');
    await screen.remove('GOLD-0001');
    expect(screen.samples.map((sample) => sample.name)).toEqual(['G-BAD-1']);
  });
});
