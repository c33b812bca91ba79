// Reads chosen entries of a zip file. The one archive we open holds 25,000 files of a foreign application beside the
// 70 we want, and a fresh machine has no unzip.
import { chmodSync, closeSync, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import zlib from 'node:zlib';

const endSignature = 0x06054b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
// The end record is 22 bytes and a comment of at most 65,535.
const maxEndBytes = 22 + 65_535;

function readAt(file, position, length) {
  const bytes = Buffer.alloc(length);
  let got = 0;
  while (got < length) {
    const count = readSync(file, bytes, got, length - got, position + got);
    if (count === 0) throw new Error('the zip file ends too early');
    got += count;
  }
  return bytes;
}

function entriesOf(file) {
  const size = fstatSync(file).size;
  const tail = readAt(file, Math.max(0, size - maxEndBytes), Math.min(size, maxEndBytes));
  let at = tail.length - 22;
  while (at >= 0 && tail.readUInt32LE(at) !== endSignature) at -= 1;
  if (at < 0) throw new Error('not a zip file');
  const directory = readAt(file, tail.readUInt32LE(at + 16), tail.readUInt32LE(at + 12));
  const entries = [];
  for (let next = 0; next < directory.length;) {
    if (directory.readUInt32LE(next) !== centralSignature) throw new Error('the zip directory is damaged');
    const nameLength = directory.readUInt16LE(next + 28);
    entries.push({
      name: directory.toString('utf8', next + 46, next + 46 + nameLength),
      method: directory.readUInt16LE(next + 10),
      crc: directory.readUInt32LE(next + 16),
      packed: directory.readUInt32LE(next + 20),
      offset: directory.readUInt32LE(next + 42),
    });
    next += 46 + nameLength + directory.readUInt16LE(next + 30) + directory.readUInt16LE(next + 32);
  }
  return entries;
}

function bytesOf(file, entry) {
  const head = readAt(file, entry.offset, 30);
  if (head.readUInt32LE(0) !== localSignature) throw new Error(`${entry.name}: the zip entry is damaged`);
  const start = entry.offset + 30 + head.readUInt16LE(26) + head.readUInt16LE(28);
  const packed = readAt(file, start, entry.packed);
  const bytes = entry.method === 0 ? packed : zlib.inflateRawSync(packed);
  // zlib.crc32 is there from Node 20.15; the archive as a whole was checked by its sha512 already.
  if (zlib.crc32 !== undefined && zlib.crc32(bytes) !== entry.crc) throw new Error(`${entry.name}: wrong checksum`);
  return bytes;
}

/** @param target gives an entry's path below `folder`, or undefined for what is not wanted */
export function unzip(zipPath, folder, target) {
  const file = openSync(zipPath, 'r');
  try {
    let count = 0;
    for (const entry of entriesOf(file)) {
      const name = entry.name.endsWith('/') ? undefined : target(entry.name);
      if (name === undefined) continue;
      if (normalize(name).startsWith('..')) throw new Error(`${entry.name}: leads out of the folder`);
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytesOf(file, entry));
      chmodSync(path, 0o644);
      count += 1;
    }
    return count;
  } finally {
    closeSync(file);
  }
}
