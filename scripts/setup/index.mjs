// Set-up as a whole: which parts there are, in the order in which they build on one another.
import { ensureElectron } from './electron.mjs';
import { ensureLibraries } from './libraries.mjs';
import { ensurePackages } from './packages.mjs';
import { ensureUser } from './user.mjs';

/**
 * Brings this machine to where `what` can be done, doing nothing that is done already.
 * @param {'headless' | 'window' | 'tests'} what
 * @returns {Promise<{ electron?: Awaited<ReturnType<typeof ensureElectron>> }>}
 */
export async function setUp(what) {
  await ensurePackages();
  if (what === 'headless') return {};
  await ensureLibraries(what === 'tests' ? ['window', 'tests'] : ['window']);
  ensureUser();
  return { electron: await ensureElectron() };
}
