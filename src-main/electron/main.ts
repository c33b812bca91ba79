/** The desktop shell: what happens at a start, in order. */
import { app } from 'electron';
import { join } from 'node:path';
import { isoTime, systemClock, systemRandom } from '../lib/base/host.ts';
import { jsonLog } from '../lib/base/log.ts';
import { bridgeWindow } from './bridge.ts';
import { claimDataFolder } from './data-folder.ts';
import { openLogFile } from './log-file.ts';
import { registerPageScheme, servePage } from './page.ts';
import { readShellArgs } from './shell-args.ts';
import { createStationHost } from './station-host.ts';
import { forkStation } from './station-process.ts';
import { readWindowShape, openWindow } from './window.ts';

const args = readShellArgs(process.argv, process.env);
const tell = (text: string): void => void process.stderr.write(`${text}\n`);

registerPageScheme();
app.enableSandbox();
// Not awaited: Electron holds back its `ready` until this module has been read to its end.
if (claimDataFolder(args.dataFolder)) start().catch(endWith);
else tell(`Benchline is open already with the data folder ${args.dataFolder}; its window is brought to the front.`);

async function start(): Promise<void> {
  const file = openLogFile(join(args.dataFolder, 'logs'));
  const log = jsonLog(file.write, () => isoTime(systemClock.nowMs()), { program: 'electron' });
  tell(`Benchline opens its window. Data folder: ${args.dataFolder}. Log: ${file.path}`);
  await app.whenReady();
  const home = app.getAppPath();
  servePage(join(home, 'out/renderer'));
  const window = openWindow(await readWindowShape(join(home, 'resources/window.json')), {
    preload: join(home, 'out/preload/preload.cjs'),
    log,
    clock: systemClock,
    random: systemRandom,
  });
  const station = createStationHost({
    fork: () => forkStation({ entry: join(home, 'out/main/station/main.js'), args: args.stationArgs, say: file.write }),
    clock: systemClock,
    random: systemRandom,
    log,
  });
  bridgeWindow(window, station, log);
  station.start();
  stopWith(station);
}

/** Without a log file or a window there is nothing to go on with, and no better place to say so. */
function endWith(error: unknown): void {
  tell(`Benchline cannot start: ${error instanceof Error ? error.message : String(error)}`);
  app.exit(1);
}

/** The last window takes the station along: in order, and before the process goes. */
function stopWith(station: { stop(): Promise<void> }): void {
  let stopped = false;
  let stopping: Promise<void> | undefined;
  app.on('before-quit', (event) => {
    if (stopped) return;
    event.preventDefault();
    stopping ??= station.stop().then(() => {
      stopped = true;
      app.quit();
    });
  });
  app.on('window-all-closed', () => {
    app.quit();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      app.quit();
    });
  }
}
