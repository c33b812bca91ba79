/** How a program says that it accepts connections: a file that appears whole, readable by its user alone. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeDurable } from '../files/durable-file.ts';

/** It may hold connection strings, so nobody else may read it. */
export async function writeReadyFile(file: string, content: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeDurable(file, `${JSON.stringify(content, undefined, 2)}\n`, { isShared: true });
}
