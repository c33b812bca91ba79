// `npm run setup`: everything that `npm start` and `npm test` need, said as it goes. Runs on Node 20 without packages.
import { setUp } from './setup/index.mjs';
import { SetupStop, say } from './setup/say.mjs';

try {
  const { electron } = await setUp(process.argv.includes('--window') ? 'window' : 'tests');
  say(`[set-up] ready; Electron ${electron.version} (${electron.kind}) in ${electron.folder}`);
} catch (error) {
  if (!(error instanceof SetupStop)) throw error;
  say(error.message);
  process.exitCode = 3;
}
