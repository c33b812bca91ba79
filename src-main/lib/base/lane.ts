/** One thing at a time, in the order asked, with a bound on how many may wait. */

export interface Lane {
  /** Runs `task` after all earlier ones; undefined when the lane is full. */
  run<T>(task: () => Promise<T>): Promise<T> | undefined;
  readonly waiting: number;
}

export function createLane(maxWaiting: number): Lane {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    run(task) {
      if (waiting >= maxWaiting) return undefined;
      waiting += 1;
      const settled = tail.then(task).finally(() => {
        waiting -= 1;
      });
      tail = settled.catch(() => undefined);
      return settled;
    },
    get waiting() {
      return waiting;
    },
  };
}
