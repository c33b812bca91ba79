/** The suites. `unit` lies beside the code; the others run real parts. */
import { defineConfig } from 'vitest/config';

const setup = { setupFiles: ['./test/setup.ts', './test/seed.ts'] };

export default defineConfig({
  test: {
    projects: [
      './test/renderer/vitest.config.ts',
      { test: { name: 'unit', include: ['src-main/**/*.test.ts', 'src-renderer/**/*.unit.test.ts'], ...setup } },
      {
        test: {
          name: 'exams',
          include: ['test/exams/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...setup,
        },
      },
      {
        test: {
          name: 'flows',
          include: ['test/flows/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          ...setup,
        },
      },
      {
        test: {
          name: 'rules',
          include: ['test/rules/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...setup,
        },
      },
      {
        test: {
          name: 'gates',
          include: ['test/gates/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          ...setup,
        },
      },
      {
        test: {
          name: 'runtime',
          include: ['test/runtime/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          ...setup,
        },
      },
    ],
  },
});
