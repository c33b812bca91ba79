/** The station program: under the desktop shell, under `benchline start`, or alone. */
import { fileURLToPath } from 'node:url';
import packageFile from '../../package.json' with { type: 'json' };
import type { Fault } from '../lib/base/fault.ts';
import { isoTime, systemClock, systemRandom } from '../lib/base/host.ts';
import { type Log, jsonLog } from '../lib/base/log.ts';
import { createSystemCatalog } from '../lib/serial/index.ts';
import { sayWhyNotStarted } from '../lib/process/start-refusal.ts';
import { stopRequested, whenStopped } from '../lib/process/stop.ts';
import { parentChannel, serveChannel, sendEvent } from './channel.ts';
import type { HostParts } from './composition.ts';
import { parseStationArgs } from './config.ts';
import { withSecretFiles } from './secret-options.ts';
import { startStation } from './station.ts';
import { stationUsage } from './usage.ts';

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${stationUsage}\n`);
    return 0;
  }
  const log = jsonLog(
    (line) => void process.stderr.write(`${line}\n`),
    () => isoTime(systemClock.nowMs()),
  );
  const given = parseStationArgs(process.argv.slice(2));
  const config = given.ok ? await withSecretFiles(given.value, log) : given;
  if (!config.ok) {
    notStarted(config.fault, log);
    return 2;
  }
  // After the secrets: standard input may have carried one.
  const stop = stopRequested();
  const channel = parentChannel();
  const started = await startStation(config.value, hostParts(log), (name, payload) => {
    if (channel !== undefined) sendEvent(channel, name, payload);
  });
  if (!started.ok) {
    notStarted(started.fault, log);
    return 1;
  }
  if (channel !== undefined) serveChannel(channel, (name, payload) => started.value.answer(name, payload));
  log.info('station-ready', {});
  await whenStopped(stop);
  await started.value.stop();
  log.info('station-stopped', {});
  return 0;
}

/** The desktop shell and `benchline start` read the log; whoever else started it reads sentences. */
function notStarted({ code, say, hint }: Fault, log: Log): void {
  if (parentChannel() === undefined) sayWhyNotStarted({ code, say, hint });
  else log.error('station-not-started', { code, say, hint });
}

/** The other files of this build lie at the same places beside this one, in source and when built. */
function hostParts(log: Log): HostParts {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const file = (path: string): string => fileURLToPath(new URL(`${path}.${ending}`, import.meta.url));
  return {
    clock: systemClock,
    random: systemRandom,
    log,
    launcher: {
      command: process.execPath,
      programs: {
        service: [file('../cli'), 'service'],
        agent: [file('../agent/main')],
      },
      // Under Electron the same binary is Node for its children; plain Node does not look at it.
      env: { ELECTRON_RUN_AS_NODE: '1' },
    },
    entries: {
      storeWorker: file('queue/store-worker-main'),
      signerWorker: file('signers/pkcs12-worker-main'),
      portHost: file('../lib/serial/port-host-main'),
    },
    catalog: createSystemCatalog(process.platform),
    version: packageFile.version,
  };
}

const code = await main();
// Worker, port hosts and pipes are closed; what a library may still hold must not keep the program.
process.exit(code);
