// Checks the types of every project: the Node rooms, the pure rooms, the tests, and the renderer with its markup.
import { spawnSync } from 'node:child_process';

const checks = [
  ['tsc', '-p', 'tsconfig.json'],
  ['tsc', '-p', 'src-main/tsconfig.pure.json'],
  ['tsc', '-p', 'test/tsconfig.json'],
  ['svelte-check', '--tsconfig', 'src-renderer/tsconfig.json', '--fail-on-warnings', '--output', 'human'],
];
let failed = 0;
for (const [command, ...args] of checks) {
  const run = spawnSync(process.execPath, [`node_modules/.bin/${command}`, ...args], { stdio: 'inherit' });
  if (run.status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
