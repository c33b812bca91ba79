/** Every test asserts, and none prints: what a program has to say goes through its log port. */
import { afterEach, beforeEach, expect, vi } from 'vitest';

const methods = ['log', 'info', 'warn', 'error', 'debug'] as const;
let printed: string[] = [];

beforeEach(() => {
  expect.hasAssertions();
  printed = [];
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation(
      (...words: unknown[]) => void printed.push(words.map(String).join(' ')),
    );
  }
});

afterEach(() => {
  vi.restoreAllMocks();
  if (printed.length > 0) throw new Error(`a test printed to the console: ${printed.join(' | ')}`);
});
