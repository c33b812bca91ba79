export function one(flag: boolean): number | undefined {
  if (flag) return 1;
}
