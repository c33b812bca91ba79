// `npm run setup`: everything that `npm start` and `npm test` need, said as it goes. Runs on Node 20 without packages.
//   --window  only what `npm start` needs
//   --json    what was found, for the tests: the Electron runtime, the folder to start it on, the words to start it with
import { ensureBuild } from './setup/build.mjs';
import { setUp } from './setup/index.mjs';
import { appHome, asPlainUser, readableRuntime } from './setup/plain.mjs';
import { SetupStop, say } from './setup/say.mjs';

try {
  const found = await setUp(process.argv.includes('--window') ? 'window' : 'tests');
  const electron = readableRuntime(found.electron);
  say(`[set-up] ready; Electron ${electron.version} (${electron.kind}) in ${electron.folder}`);
  if (process.argv.includes('--json')) {
    await ensureBuild();
    process.stdout.write(`${JSON.stringify({ electron, home: appHome(), asPlainUser: asPlainUser() })}\n`);
  }
} catch (error) {
  if (!(error instanceof SetupStop)) throw error;
  say(error.message);
  process.exitCode = 3;
}
