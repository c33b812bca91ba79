import { Buffer } from 'node:buffer';

export function length(bytes: Buffer): number {
  return bytes.length;
}
