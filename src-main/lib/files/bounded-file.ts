/** Reads a file that somebody named: a device would never end, a pipe nobody writes to would never begin. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { systemCodeOf } from './durable-file.ts';

export type BoundedFile =
  { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly reason: string };

/** At most `maxBytes` of a regular file; else why not, in words or as the system's code. */
export async function readBoundedFile(file: string, maxBytes: number): Promise<BoundedFile> {
  let handle: FileHandle | undefined;
  try {
    // Not blocking: to open a pipe waits for its writer.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (!found.isFile()) return { ok: false, reason: 'it is not a regular file' };
    if (found.size > maxBytes) return { ok: false, reason: 'it is too large' };
    return await readAll(handle, maxBytes);
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === undefined) throw error;
    return { ok: false, reason };
  } finally {
    await handle?.close();
  }
}

/** One byte more than may be is asked for: a file may grow, and those of /proc have no size. */
async function readAll(handle: FileHandle, maxBytes: number): Promise<BoundedFile> {
  const buffer = Buffer.alloc(maxBytes + 1);
  let filled = 0;
  while (filled <= maxBytes) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, null);
    if (bytesRead === 0) return { ok: true, bytes: new Uint8Array(buffer.subarray(0, filled)) };
    filled += bytesRead;
  }
  return { ok: false, reason: 'it is too large' };
}
