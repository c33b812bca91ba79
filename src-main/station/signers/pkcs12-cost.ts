/** What a PKCS#12 file costs to open, read before anything is derived from a passphrase. */
import forge from 'node-forge';

type Node = forge.asn1.Asn1;

// Ours and real files nest a dozen levels deep; what lies deeper is not looked for, and the reader's time limit holds.
const maxDepth = 24;

/**
 * The sum of all iteration counts that stand open in the file: each follows its salt, in PBKDF2-params (RFC 8018 A.2), in
 * pkcs-12PbeParams and in MacData (RFC 7292 appendices C and D). What is encrypted itself cannot be counted.
 */
export function iterationsOf(node: Node, depth = 0): number {
  if (depth > maxDepth) return 0;
  if (typeof node.value === 'string') {
    const inner = isOctetString(node) ? parsed(node.value) : undefined;
    return inner === undefined ? 0 : iterationsOf(inner, depth + 1);
  }
  return node.value.reduce((sum, part, at, parts) => {
    const before = parts[at - 1];
    const isCount = isInteger(part) && before !== undefined && isOctetString(before);
    return sum + (isCount ? numberOf(part) : iterationsOf(part, depth + 1));
  }, 0);
}

function isOctetString(node: Node): boolean {
  return node.tagClass === forge.asn1.Class.UNIVERSAL && node.type === forge.asn1.Type.OCTETSTRING;
}

function isInteger(node: Node): boolean {
  return node.tagClass === forge.asn1.Class.UNIVERSAL && node.type === forge.asn1.Type.INTEGER;
}

/** A negative count, which nobody writes, reads as a large one. */
function numberOf(node: Node): number {
  return typeof node.value === 'string' ? Number(`0x0${forge.util.bytesToHex(node.value)}`) : 0;
}

function parsed(bytes: string): Node | undefined {
  try {
    return forge.asn1.fromDer(bytes);
  } catch {
    return undefined;
  }
}
