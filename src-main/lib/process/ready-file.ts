/** How a program says that it accepts connections: a file that appears whole, readable by its user alone. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failed, ok, type Result } from '../base/result.ts';
import { systemCodeOf, writeDurable } from '../files/durable-file.ts';
import { processFault } from './faults.ts';

/** It may hold connection strings, so nobody else may read it. */
export function writeReadyFile(file: string, content: unknown): Promise<Result<void>> {
  return onDisk(file, async () => {
    await mkdir(dirname(file), { recursive: true });
    await writeDurable(file, textOf(content), { isShared: true });
  });
}

/** Leaves it alone when another program has written it since. */
export async function removeReadyFile(file: string, content: unknown): Promise<Result<void>> {
  const found = await readFile(file, 'utf8').catch(() => undefined);
  return found === textOf(content) ? onDisk(file, () => rm(file, { force: true })) : ok();
}

async function onDisk(file: string, work: () => Promise<void>): Promise<Result<void>> {
  try {
    await work();
    return ok();
  } catch (error) {
    const cause = systemCodeOf(error);
    if (cause === undefined) throw error;
    return failed(processFault('ready-file-unwritable', { file, cause }));
  }
}

function textOf(content: unknown): string {
  return `${JSON.stringify(content, undefined, 2)}\n`;
}
