/** Ends a check: says where it ran, and what was wrong. */
export function tell(wrong: readonly string[]): void {
  const { electron, node } = process.versions;
  process.stdout.write(JSON.stringify({ electron, node, wrong }));
}

export interface Expectation {
  readonly what: string;
  readonly holds: boolean;
}

export function unmet(expectations: readonly Expectation[]): string[] {
  return expectations.filter(({ holds }) => !holds).map(({ what }) => what);
}
