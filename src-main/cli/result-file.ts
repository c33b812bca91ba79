/** The file that a result is written to: tried before the job, for nobody wants to know after it. */
import { existsSync } from 'node:fs';
import { open, rm, writeFile } from 'node:fs/promises';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { systemCodeOf } from '../lib/files/durable-file.ts';
import { cliFault } from './verb.ts';

/** Leaves what is there as it is. */
export function tryResultFile(file: string): Promise<Result<void>> {
  return guarded(file, async () => {
    const isNew = !existsSync(file);
    const opened = await open(file, 'a');
    await opened.close();
    if (isNew) await rm(file);
  });
}

export function writeResultFile(file: string, result: unknown): Promise<Result<void>> {
  return guarded(file, () => writeFile(file, `${JSON.stringify(result, null, 2)}\n`));
}

async function guarded(file: string, work: () => Promise<void>): Promise<Result<void>> {
  try {
    await work();
    return ok();
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === undefined) throw error;
    return failed(cliFault('file-unwritable', { file, reason }));
  }
}
