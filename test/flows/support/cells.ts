/** What a survival table has really run, for the summary of `npm test`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../test-results/cells');

export async function writeCells(table: string, run: number, expected: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${table}.json`), `${JSON.stringify({ table, run, expected })}\n`);
}
