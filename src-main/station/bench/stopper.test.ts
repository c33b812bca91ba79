import { describe, expect, it } from 'vitest';
import { benchFault } from './faults.ts';
import { createStopper } from './stopper.ts';

describe('a stopper', () => {
  it('tells every listener once and keeps the first reason', () => {
    const stopper = createStopper();
    let told = 0;
    stopper.signal.addEventListener('abort', () => (told += 1));
    stopper.signal.addEventListener('abort', () => (told += 1));
    expect(stopper.signal.aborted).toBe(false);
    stopper.stop(benchFault('run-aborted'));
    stopper.stop(benchFault('station-restarted'));
    expect(told).toBe(2);
    expect(stopper.signal.aborted).toBe(true);
    expect(stopper.reason?.code).toBe('run-aborted');
  });

  it('does not tell a listener that was taken away', () => {
    const stopper = createStopper();
    let told = 0;
    const listener = (): void => void (told += 1);
    stopper.signal.addEventListener('abort', listener);
    stopper.signal.removeEventListener('abort', listener);
    stopper.stop(benchFault('run-aborted'));
    expect(told).toBe(0);
    expect(stopper.reason?.code).toBe('run-aborted');
  });
});
