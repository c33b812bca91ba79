export function pass(value: unknown): unknown {
  return value as any;
}
