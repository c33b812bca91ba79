/** Where the unit keeps what must survive a power cut: small files, each whole or not there, readable by its owner alone. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createLane } from '../lib/base/lane.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import { removeDurable, writeDurable } from '../lib/files/durable-file.ts';
import { agentFault } from './faults.ts';

/** The largest is a chain of eight certificates with its key, below 32 kB in JSON; a larger one is not ours. */
const maxFileBytes = 131_072;

/** The link asks for one write at a time, boot and store for one each; more is a loop gone wild. */
const maxWaitingWrites = 64;

export interface StateFolder {
  readonly path: string;
  /** Undefined when it is not there. */
  read(name: string): Promise<Result<Uint8Array | undefined>>;
  /** Resolves when the bytes are on disk in place of what was there. */
  write(name: string, bytes: Uint8Array): Promise<Result<void>>;
  /** Resolves when it is gone for good. */
  remove(name: string): Promise<Result<void>>;
}

export async function openStateFolder(path: string): Promise<Result<StateFolder>> {
  const made = await attempt(() => mkdir(path, { recursive: true, mode: 0o700 }));
  if (!made.ok) return made;
  const writes = createLane(maxWaitingWrites);
  return ok({
    path,
    read: (name) =>
      attempt(async () => {
        const file = join(path, name);
        const there = await stat(file).catch(unlessMissing);
        if (there === undefined) return undefined;
        if (there.size > maxFileBytes) throw systemError('EFBIG');
        return new Uint8Array(await readFile(file));
      }),
    write: (name, bytes) =>
      // One after the other: two writers of one draft would take it from under each other, and the newest must win.
      writes.run(() => attempt(() => writeDurable(join(path, name), bytes))) ??
      Promise.resolve(failed(agentFault('agent-state-unwritable', { reason: 'EBUSY' }))),
    remove: (name) => attempt(() => removeDurable(join(path, name))),
  });
}

async function attempt<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work());
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (reason === undefined) throw error;
    return failed(agentFault('agent-state-unwritable', { reason }));
  }
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
