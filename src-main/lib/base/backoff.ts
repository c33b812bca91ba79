/** How long to wait before the next attempt. */

export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Exponential with full jitter over the upper half: between a half and the whole of `firstMs * 2^(attempt-1)`,
 * never above `maxMs`.
 * @param attempt 1 for the first retry
 * @param fraction in [0, 1), from the random port
 */
export function backoffMs(attempt: number, fraction: number, limits: BackoffLimits): number {
  const exponent = Math.min(Math.max(attempt, 1) - 1, 30);
  const ceilingMs = Math.min(limits.maxMs, limits.firstMs * 2 ** exponent);
  return Math.round(ceilingMs / 2 + (ceilingMs / 2) * fraction);
}
