/** A folder of the station's data, there for its user alone. */
import { mkdir } from 'node:fs/promises';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { systemCodeOf } from '../lib/files/durable-file.ts';
import { stationFault } from './faults.ts';

export async function makeFolder(folder: string): Promise<Result<void>> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return ok();
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === undefined) throw error;
    return failed(stationFault('data-folder-unusable', { folder, reason: meanings.get(reason) ?? reason }));
  }
}

const meanings: ReadonlyMap<string, string> = new Map([
  ['EEXIST', 'there is a file of that name'],
  ['ENOTDIR', 'it lies below a file'],
  ['EACCES', 'this user may not write there'],
  ['EROFS', 'the disk is read-only'],
  ['ENOSPC', 'the disk is full'],
]);
