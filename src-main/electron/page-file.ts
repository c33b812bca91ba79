/** Which file of the page an address names. */
import { join, normalize, sep } from 'node:path';
import { decodedOnce } from '../lib/base/percent.ts';

/** Undefined for another origin, and for whatever would lead out of the folder. */
export function pageFile(folder: string, origin: string, address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (`${url.protocol}//${url.host}` !== origin) return undefined;
  const path = decodedOnce(url.pathname);
  if (path === undefined || path.includes('\0')) return undefined;
  const file = normalize(join(folder, path));
  return file.startsWith(normalize(folder) + sep) ? file : undefined;
}
