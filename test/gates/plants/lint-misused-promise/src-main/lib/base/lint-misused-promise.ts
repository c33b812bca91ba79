export function later(run: (work: () => void) => void): void {
  run(async () => {
    await Promise.resolve();
  });
}
