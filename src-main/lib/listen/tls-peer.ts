/** What a TLS connection tells of its other side, and of where it came in. */
import type { TLSSocket } from 'node:tls';

export interface TlsPeer {
  /**
   * DER. The first is the one whose key the handshake proved; the rest is a set, not a chain: in the order in which the
   * client sent it, which need not be that of the chain, and with what does not belong to it.
   */
  readonly certificates: readonly Uint8Array[];
  /** What the client called us (SNI); absent when it used an address. */
  readonly serverName: string | undefined;
  readonly localAddress: string;
  readonly remoteAddress: string;
}

// Real hierarchies have two to four levels; what is beyond is not worth a look.
const maxCertificates = 16;

/** Undefined once the connection has ended: whoever has no address any more has nobody to be counted by, or answered. */
export function tlsPeerOf(socket: TLSSocket): TlsPeer | undefined {
  const { servername: serverName, localAddress, remoteAddress } = socket;
  if (localAddress === undefined || remoteAddress === undefined) return undefined;
  return {
    certificates: presentedBy(socket),
    serverName: typeof serverName === 'string' && serverName !== '' ? serverName.toLowerCase() : undefined,
    localAddress: plainAddress(localAddress),
    remoteAddress: plainAddress(remoteAddress),
  };
}

function presentedBy(socket: TLSSocket): readonly Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  const add = (raw: Uint8Array): boolean => {
    const key = Buffer.from(raw).toString('base64');
    if (found.has(key) || found.size >= maxCertificates) return false;
    found.set(key, Uint8Array.from(raw));
    return true;
  };
  // Not `getPeerCertificate(true)`: Node 24 dies of a null in it when a key is on a curve that has no NIST name.
  let listed = socket.getPeerX509Certificate();
  while (listed !== undefined && add(listed.raw)) listed = listed.issuerCertificate;
  return [...found.values()];
}

/** An IPv4 address as such, also when the listener speaks IPv6. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
