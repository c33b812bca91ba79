import { describe, expect, it } from 'vitest';
import { screenLab } from '../../../test/renderer/screen-lab.ts';
import { BenchScreen } from './bench.svelte.ts';
import { SlotTools } from './slot-tools.svelte.ts';

async function benchOf(query = 'slots=16&scene=ready') {
  const lab = await screenLab(query);
  const bench = new BenchScreen(lab.app);
  bench.columns = 4;
  let atMs = 0;
  const press = (key: string): boolean => bench.key(key, { isOnControl: false, atMs: (atMs += 100) });
  return { ...lab, bench, press };
}

describe('a scan', () => {
  it('of a slot takes it in hand, and the next unit goes there', async () => {
    const { bench, of } = await benchOf();
    await bench.scanned('SLOT-12');
    expect(bench.inHand).toBe(12);
    await bench.scanned('SN-9');
    expect(of('scan.take').at(-1)).toEqual({ text: 'SN-9', slot: 12 });
    expect(bench.inHand).toBeUndefined();
  });

  it('of a badge is answered in words', async () => {
    const { bench } = await benchOf();
    await bench.scanned('OP-GRACE');
    expect(bench.said).toContain('GRACE');
  });

  it('that is a double read leaves what the first one said', async () => {
    const { bench, answers } = await benchOf();
    await bench.scanned('OP-GRACE');
    answers['scan.take'] = { kind: 'repeat' };
    await bench.scanned('OP-GRACE');
    expect(bench.said).toContain('GRACE');
  });

  it('of the command confirm does what the card of the slot in hand offers', async () => {
    const { app, bench, of, answers } = await benchOf();
    bench.take(3);
    answers['scan.take'] = { kind: 'command', command: 'confirm', isDone: false, slot: app.station.slots[2] };
    await bench.scanned('CMD-CONFIRM');
    expect(of('bench.scan')).toEqual([{ text: 'VIRT-0003', slot: 3 }]);
  });

  it('of confirm with nothing in hand says so', async () => {
    const { bench, answers } = await benchOf();
    answers['scan.take'] = { kind: 'command', command: 'confirm', isDone: false };
    await bench.scanned('CMD-CONFIRM');
    expect(bench.said).toContain('nothing to confirm');
  });
});

describe('the keys', () => {
  it('move the slot in hand by arrows, as the cards stand', async () => {
    const { bench, press } = await benchOf();
    const at = (key: string): number | undefined => {
      press(key);
      return bench.inHand;
    };
    expect(['ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowLeft', 'ArrowUp', 'ArrowUp'].map(at)).toEqual([
      1, 2, 6, 5, 1, 1,
    ]);
  });

  it('take the slots above nine by two digits', async () => {
    const { bench, press, clock } = await benchOf();
    press('1');
    press('6');
    await clock.advance(400);
    expect(bench.inHand).toBe(16);
  });

  it('open the place where a slot without a fixture is bound', async () => {
    const { bench, press } = await benchOf('slots=4&scene=learning');
    bench.take(2);
    press('Enter');
    expect(bench.open).toBe(2);
  });

  it('stop a slot that learns', async () => {
    const { bench, press, of } = await benchOf('slots=4&scene=learning');
    bench.take(1);
    press('Escape');
    expect(of('slot.stopLearning')).toEqual([{}]);
  });
});

describe('what is done with a slot beside its runs', () => {
  async function toolsOf(query: string, slot: number) {
    const lab = await screenLab(query);
    const view = () => {
      const found = lab.app.station.slots.find((one) => one.slot === slot);
      if (found === undefined) throw new Error(`no slot ${slot}`);
      return found;
    };
    const tools = new SlotTools(lab.app, view);
    await tools.open();
    return { ...lab, tools, view };
  }

  it('binds by an address that can be one, and by no other', async () => {
    const { tools, of } = await toolsOf('slots=4&scene=learning', 2);
    tools.address = '/dev/ttyS0';
    await tools.bind();
    expect(tools.addressWrong).toBe(true);
    tools.address = ' tcp:10.0.0.5:4001 ';
    await tools.bind();
    expect(of('slot.bind')).toEqual([{ slot: 2, address: 'tcp:10.0.0.5:4001' }]);
  });

  it('lets a slot learn, and asks the doctor', async () => {
    const { tools, of, answers } = await toolsOf('slots=4&scene=learning', 2);
    await tools.learn();
    answers['adapter.check'] = {
      slot: 2,
      findings: [{ code: 'line-echoes', say: 'The line echoes.', hint: 'Set echo off.', remedy: 'echo-off' }],
    };
    answers['adapter.remedy'] = { slot: 2, findings: [] };
    await tools.check();
    expect(tools.diagnosis?.findings[0]?.remedy).toBe('echo-off');
    await tools.remedy('echo-off');
    expect(tools.diagnosis?.findings).toEqual([]);
    expect([of('slot.learn'), of('adapter.remedy')]).toEqual([[{ slot: 2 }], [{ slot: 2, remedy: 'echo-off' }]]);
  });

  it('gives a virtual unit a fault with a value that fits, and makes it sound again', async () => {
    const { tools, of, view } = await toolsOf('slots=4&scene=ready', 2);
    tools.choose('delay');
    expect(tools.faultValue).toBe('400');
    tools.faultValue = '60001';
    expect(tools.canSet).toBe(false);
    tools.faultValue = '250';
    await tools.train();
    expect(view().virtualFault?.name).toBe('delay');
    await tools.makeSound();
    expect(view().virtualFault).toBeUndefined();
    expect(of('virtual.setFault')).toEqual([{ slot: 2, fault: { name: 'delay', value: 250 } }, { slot: 2 }]);
  });
});
