/** Secrets that a program is given: by a file or standard input, for every user of a machine can read a command line. */
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { faultMaker } from '../base/fault.ts';
import { type Result, failed, ok } from '../base/result.ts';

const secretFault = faultMaker({
  'secret-unreadable': {
    say: 'The file {file} of {option} cannot be read: {reason}.',
    hint: 'Give a text file with one connection string a line, or - for standard input.',
  },
});

// 50 hubs (dps-wire section 8.4) with the longest connection string that is taken, twice.
const maxBytes = 100_000;

/** The lines that are not empty, without the blanks around them; `-` is standard input, read to its end. */
export async function readSecretLines(
  option: string,
  file: string,
  standardInput: Readable = process.stdin,
): Promise<Result<readonly string[]>> {
  const refused = (reason: string) => failed(secretFault('secret-unreadable', { option, file, reason }));
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of file === '-' ? standardInput : createReadStream(file)) {
      pieces.push(Buffer.from(piece as Uint8Array));
      bytes += pieces.at(-1)?.length ?? 0;
      if (bytes > maxBytes) return refused('it is too large');
    }
  } catch (error) {
    return refused(error instanceof Error && 'code' in error ? String(error.code) : 'unknown');
  }
  const text = Buffer.concat(pieces).toString('utf8');
  const lines = text.split('\n').map((line) => line.trim());
  const given = lines.filter((line) => line !== '');
  return given.length === 0 ? refused('it is empty') : ok(given);
}
