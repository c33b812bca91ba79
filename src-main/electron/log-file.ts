/** What the shell and its station say, as lines in a file of the data folder: the terminal stays for people. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface LogFile {
  readonly path: string;
  readonly write: (line: string) => void;
}

// Two files of this size hold some weeks of a busy station, and are still opened by any editor.
const defaultMaxBytes = 10_000_000;
// The largest line of our own is below 5 kB; a longer one is somebody else's and is cut.
const maxLineChars = 20_000;

export function openLogFile(folder: string, maxBytes = defaultMaxBytes): LogFile {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'benchline.log');
  const open = (): { file: number; bytes: number } => {
    const file = openSync(path, 'a', 0o600);
    return { file, bytes: fstatSync(file).size };
  };
  let current = open();
  return {
    path,
    write(line) {
      try {
        if (current.bytes > maxBytes) {
          const full = current.file;
          renameSync(path, `${path}.1`);
          current = open();
          closeSync(full);
        }
        current.bytes += writeSync(current.file, `${line.slice(0, maxLineChars)}\n`);
      } catch {
        // A full disk takes the line, not the window with the bench in it; there is no other place to say so.
      }
    },
  };
}
