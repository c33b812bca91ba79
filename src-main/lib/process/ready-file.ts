/** How a program says that it accepts connections: a file that appears whole, readable by its user alone. */
import { chmod, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** It may hold connection strings, so nobody else may read it. */
export async function writeReadyFile(file: string, content: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.draft`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(content, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(draft, 0o600);
  await rename(draft, file);
}
