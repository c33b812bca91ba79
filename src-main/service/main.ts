/** The service program: reads its command line, runs until it is told to stop. */
import { isoTime, systemClock, systemRandom } from '../lib/base/host.ts';
import { jsonLog } from '../lib/base/log.ts';
import { clearReadyFile } from '../lib/process/program.ts';
import { writeReadyFile } from '../lib/process/ready-file.ts';
import { sayWhyNotStarted } from '../lib/process/start-refusal.ts';
import { stopRequested, whenStopped } from '../lib/process/stop.ts';
import { parseServiceOptions } from './options.ts';
import { startService } from './service.ts';

async function main(): Promise<number> {
  // Keys lie in the data folder: nothing made here is for others to read.
  process.umask(0o077);
  const stop = stopRequested();
  const log = jsonLog(
    (line) => void process.stderr.write(`${line}\n`),
    () => isoTime(systemClock.nowMs()),
  ).with({ program: 'service' });
  const options = parseServiceOptions(process.argv.slice(2));
  if (!options.ok) {
    sayWhyNotStarted(options.fault);
    return 2;
  }
  const { readyFile } = options.value;
  await clearReadyFile(readyFile);
  const running = await startService(options.value, { clock: systemClock, random: systemRandom, log });
  if (!running.ok) {
    sayWhyNotStarted(running.fault);
    return 1;
  }
  const told = await writeReadyFile(readyFile, running.value.ready);
  if (!told.ok) {
    await running.value.close();
    sayWhyNotStarted(told.fault);
    return 1;
  }
  log.info('service-ready', { host: running.value.ready.deviceHost, https: running.value.ready.ports.https });
  await whenStopped(stop);
  await clearReadyFile(readyFile);
  await running.value.close();
  log.info('service-stopped');
  return 0;
}

process.exitCode = await main();
