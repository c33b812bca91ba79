/** Where this build's programs lie: beside the command line, under the same names in source and when built. */
import { fileURLToPath } from 'node:url';

export type ProgramName = 'station' | 'service' | 'hub' | 'agent';

export function programFile(program: ProgramName): string {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../${program}/main.${ending}`, import.meta.url));
}
