/** How a program says that it accepts connections: a file that appears whole, readable by its user alone. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeDurable } from '../files/durable-file.ts';

/** It may hold connection strings, so nobody else may read it. */
export async function writeReadyFile(file: string, content: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeDurable(file, textOf(content), { isShared: true });
}

/** Leaves it alone when another program has written it since. */
export async function removeReadyFile(file: string, content: unknown): Promise<void> {
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found === textOf(content)) await rm(file, { force: true });
}

function textOf(content: unknown): string {
  return `${JSON.stringify(content, undefined, 2)}\n`;
}
