/** The unit's TPM, as its options and its planted faults say. */
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/base/clock.ts';
import { sleep } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import { failed, ok, unreachable } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import { systemCodeOf } from '../lib/files/durable-file.ts';
import type { TpmTransport } from '../lib/tpm/types.ts';
import { agentFault } from './faults.ts';
import type { AgentOptions } from './options.ts';
import type { OpenedTpm } from './tpm/opened-tpm.ts';
import { openTpm } from './tpm/open-tpm.ts';
import { openWaitingDeviceNode } from './tpm/waiting-device-node.ts';

export async function openOwnTpm(options: AgentOptions, clock: Clock, log: Log): Promise<Result<OpenedTpm>> {
  const folder = await folderOf(options);
  if (!folder.ok) return folder;
  const opened = await openIn(folder.value, options, clock, log);
  const delayMs = options.faults.tpmDelayMs ?? 0;
  if (!opened.ok || delayMs === 0) return opened;
  return ok({ ...opened.value, transport: delayed(opened.value.transport, delayMs, clock) });
}

function openIn(folder: string, options: AgentOptions, clock: Clock, log: Log): Promise<Result<OpenedTpm>> {
  const { tpm } = options;
  switch (tpm.at) {
    case 'swtpm':
      return openTpm({ kind: 'swtpm', stateDir: join(folder, swtpmFolder) }, clock);
    case 'software':
      return openTpm({ kind: 'software', stateFile: join(folder, softwareFile) }, clock);
    case 'device':
      return openWaitingDeviceNode({ path: tpm.path }, clock, log);
    default:
      return unreachable(tpm);
  }
}

const swtpmFolder = 'swtpm';
const softwareFile = 'software-tpm.json';
/** What swtpm names its permanent state: the seeds that its endorsement key is made from. */
const swtpmSeeds = 'tpm2-00.permall';

/** Where the TPM lies: in the unit's own folder, or in a copy of another unit's beside it. */
async function folderOf({ stateFolder, tpm, faults }: AgentOptions): Promise<Result<string>> {
  const original = faults.duplicateEk;
  if (original === undefined || tpm.at === 'device') return ok(stateFolder);
  // Its own TPM stays as it is; the copy begins anew each time.
  const folder = join(stateFolder, 'duplicate');
  const file = tpm.at === 'swtpm' ? join(swtpmFolder, swtpmSeeds) : softwareFile;
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(join(folder, swtpmFolder), { recursive: true, mode: 0o700 });
    await copyFile(join(original, file), join(folder, file));
    return ok(folder);
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === undefined) throw error;
    return failed(agentFault('agent-nothing-to-copy', { reason }));
  }
}

function delayed(transport: TpmTransport, delayMs: number, clock: Clock): TpmTransport {
  return {
    async transmit(command, signal) {
      await sleep(clock, delayMs, signal);
      return transport.transmit(command, signal);
    },
  };
}
