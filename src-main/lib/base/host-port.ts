/** `HOST[:PORT]` as people and services write it: a name, an IPv4 address, or an IPv6 address in brackets. */

export interface HostPort {
  /** Without brackets: as a socket takes it. */
  readonly host: string;
  readonly port: number | undefined;
}

// RFC 3986 section 3.2.2 puts an IPv6 address into brackets, so that its colons are none of a port.
const form = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]@]+))(?::(\d{1,5}))?$/;

/** Undefined for anything else, and for a port that cannot be dialled. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, address, name, digits] = form.exec(text) ?? [];
  const host = address ?? name;
  if (host === undefined) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  return port === 0 || (port ?? 0) > 65_535 ? undefined : { host, port };
}
