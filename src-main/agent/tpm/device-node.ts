/** A TPM behind a character device such as /dev/tpmrm0: one write is a command, one read its whole answer. */
import { type FileHandle, open } from 'node:fs/promises';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { createLane } from '../../lib/base/lane.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { linkFailed, systemCode, type TpmLinkFaultCode } from './faults.ts';
import { defaultAnswerTimeoutMs, inLane, maxBufferBytes, maxWaitingCommands, type OpenedTpm } from './opened-tpm.ts';
import { settledWithin, within } from './patience.ts';
import { createResponseCutter } from './response-frame.ts';

export interface DeviceNodeOptions {
  /** /dev/tpmrm0 (with the kernel's resource manager) rather than /dev/tpm0. */
  readonly path: string;
  readonly answerTimeoutMs?: number;
}

const closeTimeoutMs = 2_000;

export async function openDeviceNode(options: DeviceNodeOptions, clock: Clock): Promise<Result<OpenedTpm>> {
  const timeoutMs = options.answerTimeoutMs ?? defaultAnswerTimeoutMs;
  const opened = await openFile(options.path);
  if (!opened.ok) return opened;
  const file = opened.value;
  // The driver takes no new command until the last answer was read, and a read cannot be called back.
  let owed: Promise<unknown> = Promise.resolve();
  const transmit = async (command: Uint8Array, signal?: CancelSignal): Promise<Result<Uint8Array>> => {
    const asked = owed.then(() => ask(file, command));
    owed = asked;
    return within(asked, { clock, timeoutMs, signal });
  };
  let closing: Promise<void> | undefined;
  return ok({
    kind: 'device',
    transport: inLane(createLane(maxWaitingCommands), transmit),
    close: () => (closing ??= closeFile(file, clock)),
  });
}

async function openFile(path: string): Promise<Result<FileHandle>> {
  try {
    const file = await open(path, 'r+');
    const { mode } = await file.stat();
    // S_IFCHR (inode(7)): writing commands into an ordinary file would only damage it.
    if ((mode & 0o170000) === 0o020000) return ok(file);
    await file.close();
    return linkFailed('tpm-link-down', { reason: 'not a device' });
  } catch (error) {
    const reason = systemCode(error);
    const code = openFaults.get(reason);
    return code === undefined ? linkFailed('tpm-link-down', { reason }) : linkFailed(code, { path, reason });
  }
}

/** ENODEV and ENXIO: the node is there, its driver is not. */
const openFaults: ReadonlyMap<string, TpmLinkFaultCode> = new Map([
  ['ENOENT', 'tpm-device-missing'],
  ['ENODEV', 'tpm-device-missing'],
  ['ENXIO', 'tpm-device-missing'],
  ['EACCES', 'tpm-device-denied'],
  ['EPERM', 'tpm-device-denied'],
  ['EBUSY', 'tpm-device-busy'],
]);

async function ask(file: FileHandle, command: Uint8Array): Promise<Result<Uint8Array>> {
  try {
    const { bytesWritten } = await file.write(command);
    if (bytesWritten !== command.length) return linkFailed('tpm-link-down', { reason: 'command cut short' });
    const answer = new Uint8Array(maxBufferBytes);
    const cutter = createResponseCutter();
    // A driver gives the whole answer at once; a few turns allow for one that does not.
    for (let turn = 0; turn < 8; turn += 1) {
      const { bytesRead } = await file.read(answer, 0, answer.length, null);
      if (bytesRead === 0) return linkFailed('tpm-link-malformed', { reason: 'no answer' });
      const cut = cutter.push(answer.slice(0, bytesRead));
      if (cut.kind === 'answer') return ok(cut.bytes);
      if (cut.kind === 'noise') return linkFailed('tpm-link-malformed', { reason: cut.reason });
    }
    return linkFailed('tpm-link-malformed', { reason: 'cut short' });
  } catch (error) {
    return linkFailed('tpm-link-down', { reason: systemCode(error) });
  }
}

function closeFile(file: FileHandle, clock: Clock): Promise<void> {
  return settledWithin(
    file.close().catch(() => undefined),
    clock,
    closeTimeoutMs,
  );
}
