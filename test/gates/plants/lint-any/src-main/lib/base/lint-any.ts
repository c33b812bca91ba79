export function pass(value: any): number {
  return value === 1 ? 1 : 0;
}
