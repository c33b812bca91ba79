/** What a running service or hub has on disk, read past it: it holds its file alone, so a copy is looked at. */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Calls `look` with a copy as a power cut would leave it: file and log of one moment. The copy is gone afterwards. */
export function withStillCopy<T>(file: string, look: (copy: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-copy-'));
  const copy = join(folder, 'copy.sqlite');
  try {
    for (let tries = 0; !copiedStill(file, copy); tries += 1) {
      if (tries > 200) throw new Error(`${file} is never still`);
    }
    return look(copy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** False when something was written meanwhile: the two would not fit each other. */
function copiedStill(file: string, copy: string): boolean {
  const before = marksOf(file);
  for (const end of ['', '-wal']) {
    if (existsSync(file + end)) copyFileSync(file + end, copy + end);
  }
  return marksOf(file) === before;
}

function marksOf(file: string): string {
  return ['', '-wal']
    .map((end) => statSync(file + end, { bigint: true, throwIfNoEntry: false }))
    .map((found) => `${found?.size} ${found?.mtimeNs}`)
    .join(' ');
}
