import { describe, expect, it } from 'vitest';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import type { Answer } from '../bridge/client.ts';
import { PagedList, type Page } from './paged-list.svelte.ts';
import { Task } from './task.svelte.ts';

function listOf(total: number) {
  const clock = manualClock();
  const asked: (string | undefined)[] = [];
  const world = { total, isFailing: false };
  const list = new PagedList<number>(async (cursor, limit): Promise<Answer<Page<number>>> => {
    asked.push(cursor);
    if (world.isFailing) return { ok: false, fault: { code: 'store-busy', say: 'Busy.', hint: 'Wait.' } };
    const from = Number(cursor ?? '0');
    const items = Array.from({ length: Math.min(limit, world.total - from) }, (_, index) => from + index);
    const end = from + items.length;
    return { ok: true, value: { items, total: world.total, ...(end < world.total ? { next: String(end) } : {}) } };
  }, clock);
  return { list, clock, asked, world };
}

describe('a paged list', () => {
  it('loads one page, then the next, and stops at the end', async () => {
    const { list, asked } = listOf(150);
    await list.restart();
    expect(list.items).toHaveLength(100);
    await list.more();
    expect(list.items).toHaveLength(150);
    expect(list.total).toBe(150);
    await list.more();
    expect(asked).toEqual([undefined, '100']);
  });

  it('keeps its place when rows change: as much is loaded as was there', async () => {
    const { list, world } = listOf(450);
    await list.restart();
    await list.more();
    await list.more();
    world.total = 460;
    await list.reload();
    expect(list.items).toHaveLength(300);
    expect(list.total).toBe(460);
  });

  it('asks once for many changes', async () => {
    const { list, clock, asked } = listOf(10);
    await list.restart();
    for (let change = 0; change < 20; change += 1) list.refreshSoon();
    await clock.advance(1_000);
    expect(asked).toHaveLength(2);
  });

  it('keeps the old rows and says why when a refresh fails', async () => {
    const { list, world } = listOf(10);
    await list.restart();
    world.isFailing = true;
    await list.reload();
    expect(list.items).toHaveLength(10);
    expect(list.fault?.code).toBe('store-busy');
    world.isFailing = false;
    await list.reload();
    expect(list.fault).toBeUndefined();
  });

  it('drops the answer to a question that is no longer asked', async () => {
    const { list, world } = listOf(10);
    const first = list.restart();
    world.total = 3;
    await list.restart();
    await first;
    expect(list.items).toHaveLength(3);
  });
});

describe('a task', () => {
  it('shows progress only after half a second', async () => {
    const clock = manualClock();
    const task = new Task(clock);
    let finish: (answer: Answer<number>) => void = () => undefined;
    const done = task.run(() => new Promise<Answer<number>>((resolve) => (finish = resolve)));
    expect([task.isBusy, task.isSlow]).toEqual([true, false]);
    await clock.advance(500);
    expect(task.isSlow).toBe(true);
    finish({ ok: true, value: 7 });
    expect(await done).toBe(7);
    expect([task.isBusy, task.isSlow, clock.pending]).toEqual([false, false, 0]);
  });

  it('does not start twice, and keeps the fault until it is forgotten', async () => {
    const task = new Task(manualClock());
    const fault = { code: 'x', say: 'x', hint: 'x' };
    const first = task.run(async () => ({ ok: false as const, fault }));
    expect(await task.run(async () => ({ ok: true as const, value: 1 }))).toBeUndefined();
    await first;
    expect(task.fault).toEqual(fault);
    task.forget();
    expect(task.fault).toBeUndefined();
  });
});
