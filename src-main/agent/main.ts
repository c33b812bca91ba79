/** The agent program: one unit until it is told to stop. */
import { isoTime, systemClock, systemRandom } from '../lib/base/host.ts';
import { jsonLog } from '../lib/base/log.ts';
import { ok } from '../lib/base/result.ts';
import { clearReadyFile } from '../lib/process/program.ts';
import { writeReadyFile } from '../lib/process/ready-file.ts';
import { sayWhyNotStarted } from '../lib/process/start-refusal.ts';
import { stopRequested, whenStopped } from '../lib/process/stop.ts';
import { startAgent } from './agent.ts';
import { parseAgentOptions } from './options.ts';
import { agentUsage } from './usage.ts';

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${agentUsage}\n`);
    return 0;
  }
  const stop = stopRequested();
  const log = jsonLog(
    (line) => void process.stderr.write(`${line}\n`),
    () => isoTime(systemClock.nowMs()),
  ).with({ program: 'agent' });
  const options = parseAgentOptions(process.argv.slice(2));
  if (!options.ok) {
    sayWhyNotStarted(options.fault);
    return 2;
  }
  const { serialNumber, readyFile } = options.value;
  const unitLog = log.with({ serialNumber });
  const powerCut = (): void => void process.kill(process.pid, 'SIGKILL');
  const agent = await startAgent(options.value, { clock: systemClock, random: systemRandom, log: unitLog, powerCut });
  if (!agent.ok) {
    sayWhyNotStarted(agent.fault);
    return 1;
  }
  // A serial port may come later; a unit whose port is away still boots and lives with its hub.
  const port = await Promise.race([whenStopped(stop), agent.value.opened]);
  if (port !== undefined) {
    const ready = { port, serialNumber, pid: process.pid };
    const told = readyFile === undefined ? ok() : await writeReadyFile(readyFile, ready);
    if (!told.ok) {
      await agent.value.stop();
      sayWhyNotStarted(told.fault);
      return 1;
    }
    unitLog.info('agent-ready', ready);
    await whenStopped(stop);
  }
  if (readyFile !== undefined) await clearReadyFile(readyFile);
  await agent.value.stop();
  unitLog.info('agent-stopped');
  return 0;
}

// Everything is closed by now; what is left are timers of closed handles, which would keep the process for seconds.
process.exit(await main());
