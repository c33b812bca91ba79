/** The station as a utility process of Electron: its port, its end, its stop. */
import { utilityProcess } from 'electron';
import type { StationProcess } from './station-host.ts';

export function forkStation(entry: string, args: readonly string[]): StationProcess {
  const child = utilityProcess.fork(entry, [...args], { serviceName: 'benchline-station', stdio: 'inherit' });
  let running = true;
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code) => {
      running = false;
      resolve(code);
    });
  });
  return {
    post: (message) => {
      // A process that has just ended says so through `ended`; what was meant for it is answered there.
      if (running) child.postMessage(message);
    },
    listen: (listener) => void child.on('message', listener),
    ended,
    terminate: () => void child.kill(),
    kill: () => {
      if (running && child.pid !== undefined) process.kill(child.pid, 'SIGKILL');
    },
  };
}
