/** The station as a utility process of Electron: its port, its end, its stop. */
import { createInterface } from 'node:readline';
import { utilityProcess, type UtilityProcess } from 'electron';
import type { Fault } from '../lib/base/fault.ts';
import { refusalIn } from './refusal.ts';
import type { StationProcess } from './station-host.ts';

export interface StationPlan {
  readonly entry: string;
  readonly args: readonly string[];
  /** Takes each line that the station prints. */
  readonly say: (line: string) => void;
}

export function forkStation(plan: StationPlan): StationProcess {
  const child = utilityProcess.fork(plan.entry, [...plan.args], { serviceName: 'benchline-station', stdio: 'pipe' });
  let refusal: Fault | undefined;
  passOn(child, (line) => {
    refusal = refusalIn(line) ?? refusal;
    plan.say(line);
  });
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
    refusal: () => refusal,
    terminate: () => void child.kill(),
    kill: () => {
      if (running && child.pid !== undefined) process.kill(child.pid, 'SIGKILL');
    },
  };
}

function passOn(child: UtilityProcess, say: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', say);
  }
}
