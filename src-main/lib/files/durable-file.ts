/** Files that a reader sees whole or not at all, also after a power cut: drafted beside their place, synced, renamed. */
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Result } from '../base/result.ts';

export interface DurableOptions {
  /** 0600 unless told: most of what we keep is for its owner alone. */
  readonly mode?: number;
  /** Several writers, of this process or of others, may write this file at once: each write has a draft of its own. */
  readonly isShared?: boolean;
}

// Writes of this process so far that have a draft of their own; with the process's number it makes the draft's name.
let sharedDrafts = 0;

/** Replaces what is there. One process writes one file once at a time: the draft's name is always the same. */
export async function writeDurable(file: string, content: Content, options: DurableOptions = {}): Promise<void> {
  await drafted(file, options, async (draft) => {
    await writeSynced(draft, options.mode, (handle) => handle.writeFile(content));
    await rename(draft, file);
  });
}

/** What is gone stays gone, also after a power cut; one that is not there is gone already. */
export async function removeDurable(file: string): Promise<void> {
  await rm(file, { force: true });
  await syncFolder(dirname(file));
}

/** Leaves alone what is there already. Whoever links its draft first has made the file; the others find it made. */
export async function makeDurable(file: string, content: Content, options: DurableOptions = {}): Promise<void> {
  await drafted(file, { ...options, isShared: true }, async (draft) => {
    await writeSynced(draft, options.mode, (handle) => handle.writeFile(content));
    await link(draft, file).catch((error: unknown) => {
      if (systemCodeOf(error) !== 'EEXIST') throw error;
    });
  });
}

/** Writes what comes piece by piece; a fault of `fill` leaves what is there. */
export async function fillDurable<T>(
  file: string,
  fill: (handle: FileHandle) => Promise<Result<T>>,
  options: DurableOptions = {},
): Promise<Result<T>> {
  return drafted(file, options, async (draft) => {
    const filled = await writeSynced(draft, options.mode, fill);
    if (filled.ok) await rename(draft, file);
    return filled;
  });
}

/** The system's short word for what it refused (EACCES, ENOSPC); undefined for an error that is not the system's. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

type Content = Uint8Array | string;

/** No draft stays behind but that of a crash; where only one writes, the next write of the same file takes it over. */
async function drafted<T>(file: string, options: DurableOptions, work: (draft: string) => Promise<T>): Promise<T> {
  const own = options.isShared === true ? `.${process.pid}-${++sharedDrafts}` : '';
  const draft = join(dirname(file), `.${basename(file)}${own}.draft`);
  try {
    const done = await work(draft);
    await syncFolder(dirname(file));
    return done;
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeSynced<T>(
  draft: string,
  mode: number | undefined,
  write: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await open(draft, 'w', mode ?? 0o600);
  try {
    // The mask of the process, or a draft that a crash left, may stand for other rights.
    await handle.chmod(mode ?? 0o600);
    const written = await write(handle);
    await handle.sync();
    return written;
  } finally {
    await handle.close();
  }
}

// What systems and network file systems answer that cannot sync a folder; the file itself is on disk by then.
const unsyncable: readonly (string | undefined)[] = ['EINVAL', 'EISDIR', 'EPERM', 'ENOTSUP'];

/** The name is an entry of its folder: without this, a power cut may take the rename back. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!unsyncable.includes(systemCodeOf(error))) throw error;
  }
}
