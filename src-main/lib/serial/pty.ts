/** A pseudo-terminal pair: a device's end as a stream, and a path that a station opens like a serial port. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { constants } from 'node:fs';
import { lstat, open, readlink, rename, symlink, unlink, type FileHandle } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { serialFault } from './faults.ts';
import { byteStreamOf } from './node-ends.ts';
import { openedWord, ptyPerl } from './pty-perl.ts';

export const ptyTools = ['socat', 'perl'] as const;
export type PtyTool = (typeof ptyTools)[number];

export interface PtyOptions {
  /** A stable name for the slave: a symbolic link, replaced when it is there and removed at the end. */
  readonly linkPath?: string;
  /** Absent: socat, else Perl. */
  readonly tool?: PtyTool;
  /** Whether `onOpened` tells anything; only Perl sees it. */
  readonly tellsOpens?: boolean;
}

export interface Pty {
  /** What the station opens: `linkPath` where one was given, else the slave itself. */
  readonly path: string;
  readonly slavePath: string;
  readonly tool: PtyTool;
  /** The device's end. It outlives stations: a slave that is closed and opened again is no end of the stream. */
  readonly stream: ByteStream;
  /** Called each time that a station opens the slave, which boards notice as DTR. */
  readonly onOpened: (listener: () => void) => void;
  /** To the station this is a pulled cable. */
  close(): Promise<void>;
}

type Helper = ChildProcessByStdio<Writable, Readable, Readable>;

/** Starting a small program; a loaded machine may take a second. */
const startTimeoutMs = 10_000;
/** What a helper may say before it is ready; more is no helper of ours. */
const maxStartText = 8_192;

const commands = {
  // Two -d print the path and, once raw mode is set, the start of the transfer.
  socat: { program: 'socat', args: ['-d', '-d', 'STDIO', 'PTY,raw,echo=0'], ready: /starting data transfer loop/ },
  perl: { program: 'perl', args: ['-e', ptyPerl], ready: /^ready$/m },
} as const satisfies Record<PtyTool, { program: string; args: readonly string[]; ready: RegExp }>;

export async function openPty(options: PtyOptions, clock: Clock): Promise<Result<Pty>> {
  const tools = options.tellsOpens === true ? (['perl'] as const) : ptyTools;
  for (const tool of options.tool === undefined ? tools : [options.tool]) {
    const started = await startHelper(tool, clock, options.tellsOpens === true);
    if (started === undefined) continue;
    try {
      return ok(await ptyOf(started, tool, options, clock));
    } catch (error) {
      started.helper.kill('SIGKILL');
      return failed(serialFault('pty-unavailable', { because: error instanceof Error ? error.message : 'unknown' }));
    }
  }
  return failed(serialFault('pty-unavailable', { tried: tools.join(', ') }));
}

interface Started {
  readonly helper: Helper;
  readonly slavePath: string;
}

async function ptyOf({ helper, slavePath }: Started, tool: PtyTool, options: PtyOptions, clock: Clock): Promise<Pty> {
  const { linkPath } = options;
  // Held open and never read: without it the master would see a hang-up whenever a station closes the slave.
  // Who wants to hear of each opening sees it by that very hang-up.
  const held =
    options.tellsOpens === true
      ? undefined
      : await open(slavePath, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  if (linkPath !== undefined) await replaceLink(linkPath, slavePath);
  const stream = byteStreamOf(
    {
      readable: helper.stdout,
      writable: helper.stdin,
      release: () => release(helper, held, linkPath === undefined ? undefined : { linkPath, slavePath }),
      lost: () => serialFault('port-unplugged', { path: linkPath ?? slavePath }),
    },
    clock,
  );
  return {
    path: linkPath ?? slavePath,
    slavePath,
    tool,
    stream,
    onOpened: (listener) => {
      helper.stderr.on('data', (piece: string) => {
        if (piece.includes(openedWord)) listener();
      });
    },
    close: () => stream.close(),
  };
}

/** Undefined when the program is missing or cannot make one. */
function startHelper(tool: PtyTool, clock: Clock, tellsOpens: boolean): Promise<Started | undefined> {
  const { program, args, ready } = commands[tool];
  const helper = spawn(program, tellsOpens ? [...args, openedWord] : args, { stdio: ['pipe', 'pipe', 'pipe'] });
  return new Promise((resolve) => {
    let text = '';
    const settle = (started: Started | undefined): void => {
      cancel();
      if (started === undefined) helper.kill('SIGKILL');
      resolve(started);
    };
    const cancel = clock.after(startTimeoutMs, () => {
      settle(undefined);
    });
    helper.once('error', () => {
      settle(undefined);
    });
    helper.once('exit', () => {
      settle(undefined);
    });
    helper.stderr.setEncoding('utf8');
    // Read to the end of its life: a full pipe would stop the helper.
    helper.stderr.on('data', (piece: string) => {
      if (text.length > maxStartText) return;
      text += piece;
      const slavePath = /PTY is (\S+)/.exec(text)?.[1];
      if (slavePath !== undefined && ready.test(text)) settle({ helper, slavePath });
    });
  });
}

async function release(
  helper: Helper,
  held: FileHandle | undefined,
  link: { readonly linkPath: string; readonly slavePath: string } | undefined,
): Promise<void> {
  if (link !== undefined) await removeLink(link.linkPath, link.slavePath);
  const exited = new Promise<void>((resolve) => {
    if (helper.exitCode !== null || helper.signalCode !== null) resolve();
    else {
      helper.once('exit', () => {
        resolve();
      });
    }
  });
  helper.kill('SIGKILL');
  await held?.close();
  await exited;
}

/** Whole or not at all: a station may be looking at the link just now. */
async function replaceLink(linkPath: string, slavePath: string): Promise<void> {
  const there = await lstat(linkPath).catch(() => undefined);
  if (there !== undefined && !there.isSymbolicLink()) throw new Error('the link path is taken by something else');
  const fresh = `${linkPath}.new`;
  await unlink(fresh).catch(() => undefined);
  await symlink(slavePath, fresh);
  await rename(fresh, linkPath);
}

/** Only ours: another agent may have taken the name over. */
async function removeLink(linkPath: string, slavePath: string): Promise<void> {
  const target = await readlink(linkPath).catch(() => undefined);
  if (target === slavePath) await unlink(linkPath).catch(() => undefined);
}
