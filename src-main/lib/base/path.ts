/** Addresses as strangers write them. */

/**
 * Some clients end an address with a slash (dps-wire 11, rule 14). Step by step: a search for slashes before the end
 * begins anew at each of them, so that 16 kB of slashes take it half a second.
 */
export function withoutSlashesAtEnd(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}
