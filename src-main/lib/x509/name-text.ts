/** Names as text (RFC 4514): the general parser's words, and for the plain names of devices the same without it. */
import { fromUtf8, toHex } from '../base/bytes.ts';
import { membersOf, readDerList, readOid, readSequence, tag, type Der } from './der.ts';
import { Name } from './peculiar.ts';

export function textOfName(nameDer: Uint8Array): string {
  return plainText(nameDer) ?? generalText(nameDer);
}

/** A peer chooses its names, and the text is made where none is a fault: what nobody can read is shown as its bytes. */
function generalText(nameDer: Uint8Array): string {
  try {
    return new Name(Uint8Array.from(nameDer)).toString();
  } catch {
    // RFC 4514 section 2.4 shows a value that is no text like this.
    return `#${toHex(nameDer)}`;
  }
}

const shortNames = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.6', 'C'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
]);
const [utf8String, printableString] = [0x0c, 0x13];
// Nothing here is escaped, and no space stands at an end (RFC 4514 section 2.4).
const plainValue = /^[\w.:-](?:[\w .:-]*[\w.:-])?$/;

/** A poll tells its device two names; the general parser takes as long for them as all else that the poll needs. */
function plainText(nameDer: Uint8Array): string | undefined {
  const parts = (readSequence(nameDer) ?? []).map(plainAttribute);
  const known = parts.filter((part) => part !== undefined);
  return parts.length === 0 || known.length < parts.length ? undefined : known.join(', ');
}

function plainAttribute(set: Der): string | undefined {
  const [attribute, ...others] = set.tag === tag.set ? (readDerList(set.body) ?? []) : [];
  const [type, value, ...more] = membersOf(attribute);
  if (others.length + more.length > 0) return undefined;
  const shortName = shortNames.get(readOid(type) ?? '');
  const isText = value?.tag === utf8String || value?.tag === printableString;
  const text = (isText ? fromUtf8(value.body) : undefined) ?? '';
  return shortName !== undefined && plainValue.test(text) ? `${shortName}=${text}` : undefined;
}
