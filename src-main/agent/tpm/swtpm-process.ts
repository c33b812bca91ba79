/** Runs swtpm as a child process of the agent, with its state in a folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, toHex, uint16, uint32 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { linkFailed, systemCode } from './faults.ts';
import type { OpenedTpm } from './opened-tpm.ts';
import { settledWithin } from './patience.ts';
import { stopStrandedSwtpm } from './swtpm-control.ts';
import { openSwtpmSocket, type SwtpmAddress } from './swtpm-socket.ts';

export interface SwtpmProcessOptions {
  readonly stateDir: string;
  /** TCP on the loopback instead of unix sockets: data on this port, control on the next one. */
  readonly port?: number;
  readonly binary?: string;
  readonly answerTimeoutMs?: number;
}

// It answers after 20 ms on an idle machine; a busy one with a slow disk may take seconds.
const startTimeoutMs = 20_000;
const pollMs = 25;
const stopTimeoutMs = 5_000;
/** sun_path holds 108 bytes with its zero (unix(7)). */
const maxSocketPathBytes = 107;
const socketNames = ['tpm.sock', 'ctrl.sock'] as const;

interface Place {
  readonly data: SwtpmAddress;
  readonly serverArgument: string;
  readonly controlArgument: string;
  /** Removed at the end. */
  readonly leavings: readonly string[];
}

export async function startSwtpm(options: SwtpmProcessOptions, clock: Clock): Promise<Result<OpenedTpm>> {
  const place = await choosePlace(options, clock);
  if (!place.ok) return place;
  const child = spawnSwtpm(options, place.value);
  const exit = watchExit(child);
  const opened = await untilItAnswers({ options, place: place.value, exit, clock });
  if (!opened.ok) {
    await stop(child, exit, clock);
    await removeAll(place.value.leavings);
    return opened;
  }
  const { transport } = opened.value;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    // TPM2_Shutdown(CLEAR): an orderly end, so that the next start has nothing to recover (Part 3, clause 9.4).
    if (exit.reason() === undefined) await transport.transmit(shutdownCommand);
    await opened.value.close();
    await stop(child, exit, clock);
    await removeAll(place.value.leavings);
  };
  return ok({ kind: 'swtpm', transport, close: () => (closing ??= close()) });
}

const shutdownCommand = concatBytes(uint16(0x8001), uint32(12), uint32(0x145), uint16(0));
/** TPM2_GetCapability of one fixed property: harmless, and answered as soon as the TPM is up. */
const greeting = concatBytes(uint16(0x8001), uint32(22), uint32(0x17a), uint32(6), uint32(0x100), uint32(1));

async function choosePlace(options: SwtpmProcessOptions, clock: Clock): Promise<Result<Place>> {
  // swtpm splits its options at commas and knows no quoting.
  if (options.stateDir.includes(',')) return linkFailed('tpm-swtpm-failed', { reason: 'a comma in the state folder' });
  try {
    await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
    if (options.port !== undefined) return ok(tcpPlace(options.port));
    const isShort = Buffer.byteLength(join(options.stateDir, 'ctrl.sock')) <= maxSocketPathBytes;
    const folder = isShort ? options.stateDir : await mkdtemp(join(tmpdir(), 'benchline-tpm-'));
    const [data, control] = [join(folder, socketNames[0]), join(folder, socketNames[1])];
    await stopStrandedSwtpm(control, clock);
    await removeAll([data, control]);
    return ok({
      data: { path: data },
      serverArgument: `type=unixio,path=${data},mode=0600`,
      controlArgument: `type=unixio,path=${control},mode=0600`,
      leavings: isShort ? [data, control] : [folder],
    });
  } catch (error) {
    return linkFailed('tpm-swtpm-failed', { reason: `state folder: ${systemCode(error)}` });
  }
}

function tcpPlace(port: number): Place {
  const at = (number: number): string => `type=tcp,port=${String(number)},bindaddr=127.0.0.1`;
  return {
    data: { host: '127.0.0.1', port },
    serverArgument: at(port),
    controlArgument: at(port + 1),
    leavings: [],
  };
}

function spawnSwtpm(options: SwtpmProcessOptions, place: Place): ChildProcess {
  const fixed = ['socket', '--tpm2', '--tpmstate', `dir=${options.stateDir},mode=0600`];
  const channels = ['--server', place.serverArgument, '--ctrl', place.controlArgument];
  // It ends with our connection, so that an agent that is killed strands no TPM.
  const ending = ['--flags', 'not-need-init,startup-clear', '--terminate'];
  return spawn(options.binary ?? 'swtpm', [...fixed, ...channels, ...ending], { stdio: ['ignore', 'ignore', 'pipe'] });
}

interface Exit {
  /** Why the process is gone; undefined while it runs. */
  reason(): string | undefined;
  readonly isMissing: () => boolean;
  readonly ended: Promise<void>;
}

// What it says before it dies is the reason; more than this is a flood.
const maxStderrBytes = 400;

function watchExit(child: ChildProcess): Exit {
  let reason: string | undefined;
  let missing = false;
  let said = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => {
    said = (said + text).slice(0, maxStderrBytes);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      missing = systemCode(error) === 'ENOENT';
      reason = systemCode(error);
      resolve();
    });
    child.once('close', (status, signal) => {
      reason = said.trim() || `ended with ${signal ?? String(status)}`;
      resolve();
    });
  });
  return { reason: () => reason, isMissing: () => missing, ended };
}

interface Starting {
  readonly options: SwtpmProcessOptions;
  readonly place: Place;
  readonly exit: Exit;
  readonly clock: Clock;
}

async function untilItAnswers(starting: Starting): Promise<Result<OpenedTpm>> {
  const { options, place, exit, clock } = starting;
  const deadlineMs = clock.monotonicMs() + startTimeoutMs;
  while (clock.monotonicMs() < deadlineMs) {
    await settledWithin(exit.ended, clock, pollMs);
    if (exit.isMissing()) return linkFailed('tpm-swtpm-missing');
    const reason = exit.reason();
    if (reason !== undefined) return linkFailed('tpm-swtpm-failed', { reason });
    const { answerTimeoutMs } = options;
    const socket = { address: place.data, ...(answerTimeoutMs === undefined ? {} : { answerTimeoutMs }) };
    const opened = await openSwtpmSocket(socket, clock);
    if (opened.ok) return greet(opened.value);
  }
  return linkFailed('tpm-swtpm-failed', { reason: 'no answer' });
}

async function greet(tpm: OpenedTpm): Promise<Result<OpenedTpm>> {
  const answer = await tpm.transport.transmit(greeting);
  if (answer.ok && toHex(answer.value.subarray(6, 10)) === '00000000') return ok(tpm);
  await tpm.close();
  return answer.ok ? linkFailed('tpm-swtpm-failed', { reason: 'it refuses commands' }) : answer;
}

async function stop(child: ChildProcess, exit: Exit, clock: Clock): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (exit.reason() !== undefined) return;
    child.kill(signal);
    await settledWithin(exit.ended, clock, stopTimeoutMs);
  }
}

async function removeAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true, recursive: true });
}
