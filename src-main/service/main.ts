/** The service program: reads its command line, runs until it is told to stop. */
import { isoTime, systemClock, systemRandom } from '../lib/base/host.ts';
import { jsonLog } from '../lib/base/log.ts';
import { clearReadyFile } from '../lib/process/program.ts';
import { writeReadyFile } from '../lib/process/ready-file.ts';
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
    const { code, say, hint } = options.fault;
    log.error('service-not-started', { code, say, hint });
    return 2;
  }
  const { readyFile } = options.value;
  await clearReadyFile(readyFile);
  const running = await startService(options.value, { clock: systemClock, random: systemRandom, log });
  if (!running.ok) {
    const { code, say, hint } = running.fault;
    log.error('service-not-started', { code, say, hint });
    return 1;
  }
  await writeReadyFile(readyFile, running.value.ready);
  log.info('service-ready', { host: running.value.ready.deviceHost, https: running.value.ready.ports.https });
  await whenStopped(stop);
  await clearReadyFile(readyFile);
  await running.value.close();
  log.info('service-stopped');
  return 0;
}

process.exitCode = await main();
