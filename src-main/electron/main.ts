/** The desktop shell: what happens at a start, in order. */
import { app } from 'electron';
import { join } from 'node:path';
import { isoTime, systemClock, systemRandom } from '../lib/base/host.ts';
import { jsonLog } from '../lib/base/log.ts';
import { bridgeWindow } from './bridge.ts';
import { claimDataFolder } from './data-folder.ts';
import { registerPageScheme, servePage } from './page.ts';
import { readShellArgs } from './shell-args.ts';
import { createStationHost } from './station-host.ts';
import { forkStation } from './station-process.ts';
import { readWindowShape, openWindow } from './window.ts';

const log = jsonLog(
  (line) => void process.stderr.write(`${line}\n`),
  () => isoTime(systemClock.nowMs()),
  { program: 'electron' },
);
const args = readShellArgs(process.argv, process.env);

registerPageScheme();
app.enableSandbox();
// Not awaited: Electron holds back its `ready` until this module has been read to its end.
if (claimDataFolder(args.dataFolder)) void start();
else log.warn('already-open', { data: args.dataFolder });

async function start(): Promise<void> {
  await app.whenReady();
  const home = app.getAppPath();
  servePage(join(home, 'out/renderer'));
  const window = openWindow(await readWindowShape(join(home, 'resources/window.json')), {
    preload: join(home, 'out/preload/preload.cjs'),
    log,
  });
  const station = createStationHost({
    fork: () => forkStation(join(home, 'out/main/station/main.js'), args.stationArgs),
    clock: systemClock,
    random: systemRandom,
    log,
  });
  bridgeWindow(window, station, log);
  station.start();
  stopWith(station);
}

/** The last window takes the station along: in order, and before the process goes. */
function stopWith(station: { stop(): Promise<void> }): void {
  let stopped = false;
  app.on('before-quit', (event) => {
    if (stopped) return;
    event.preventDefault();
    void station.stop().then(() => {
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
