/** What a TLS connection tells of its other side, and of where it came in. */
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

export interface TlsPeer {
  /**
   * DER. The first is the one whose key the handshake proved; the rest is a set, not a chain: Node's two ways to read
   * what was presented give it in different orders.
   */
  readonly certificates: readonly Uint8Array[];
  /** What the client called us (SNI); absent when it used an address. */
  readonly serverName: string | undefined;
  readonly localAddress: string;
  readonly remoteAddress: string;
}

// Real hierarchies have two to four levels; what is beyond is not worth a look.
const maxCertificates = 16;

export function tlsPeerOf(socket: TLSSocket): TlsPeer {
  const serverName = socket.servername;
  return {
    certificates: presentedBy(socket),
    serverName: typeof serverName === 'string' && serverName !== '' ? serverName.toLowerCase() : undefined,
    localAddress: plainAddress(socket.localAddress ?? ''),
    remoteAddress: plainAddress(socket.remoteAddress ?? ''),
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
  let listed = socket.getPeerX509Certificate();
  while (listed !== undefined && add(listed.raw)) listed = listed.issuerCertificate;
  // Node's types do not tell that there is none when the connection has ended meanwhile.
  let linked = socket.getPeerCertificate(true) as DetailedPeerCertificate | null | undefined;
  const seen = new Set<string>();
  // Without a certificate Node gives an empty object; a root is its own issuer.
  while (isCertificate(linked) && !seen.has(linked.fingerprint256) && seen.size < maxCertificates) {
    seen.add(linked.fingerprint256);
    add(linked.raw);
    linked = linked.issuerCertificate;
  }
  return [...found.values()];
}

function isCertificate(found: DetailedPeerCertificate | null | undefined): found is DetailedPeerCertificate {
  return (found as Partial<DetailedPeerCertificate> | null | undefined)?.raw !== undefined;
}

/** An IPv4 address as such, also when the listener speaks IPv6. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
