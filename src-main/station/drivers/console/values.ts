/** What the station can type at a console: certificates in the spellings that consoles take. */
import { createHash } from 'node:crypto';
import { fromBase64, fromHex, toBase64, toHex } from '../../../lib/base/bytes.ts';
import { certificatesToPem, fromPem } from '../../../lib/x509/pem.ts';
import type { ConsoleCommand, ConsoleProfile } from './profile.ts';
import { type Kind, parseTemplate } from './template.ts';
import type { Values } from './session.ts';

const pemEnds = { lf: '\n', crlf: '\r\n', escaped: '\\n' } as const;

export function pemAs(style: ConsoleProfile['line']['pem'], certificates: readonly Uint8Array[]): string {
  return certificatesToPem(certificates).replaceAll('\n', pemEnds[style]);
}

/** As consoles tell hashes of what was typed: upper-case hexadecimal. */
const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex').toUpperCase();

export function giveCertificates(
  values: Values,
  given: { readonly chain: readonly Uint8Array[]; readonly roots: readonly Uint8Array[] },
  style: ConsoleProfile['line']['pem'],
): void {
  const leaf = given.chain.slice(0, 1);
  const texts = {
    leafPem: pemAs(style, leaf),
    chainPem: pemAs(style, given.chain),
    rootsPem: pemAs(style, given.roots),
  };
  for (const [name, text] of Object.entries(texts)) {
    values.delete(name);
    values.delete(`${name}Sha256`);
    if (text === '') continue;
    values.set(name, text);
    values.set(`${name}Sha256`, sha256Of(text));
  }
  for (const certificate of leaf) {
    values.set('leafBase64', toBase64(certificate));
    values.set('leafHex', toHex(certificate));
  }
}

/** The bytes of what a command kept under this name, by the kind it was kept as. */
export function bytesOf(name: string, values: Values, commands: readonly ConsoleCommand[]): Uint8Array | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const isBlock = commands.some(({ keepBlock }) => keepBlock?.name === name);
  if (isBlock) return fromPem(text, 'CERTIFICATE REQUEST')[0];
  switch (kindOf(name, commands)) {
    case 'base64':
      return fromBase64(text);
    case 'base64url':
      return fromBase64(padded(text.replaceAll('-', '+').replaceAll('_', '/')));
    case 'hex':
      return fromHex(text);
    default:
      return undefined;
  }
}

function padded(text: string): string {
  return text + '='.repeat((4 - (text.length % 4)) % 4);
}

function kindOf(name: string, commands: readonly ConsoleCommand[]): Kind | undefined {
  const parts = commands.flatMap(({ keep = [] }) => keep).flatMap((source) => parseTemplate(source) ?? []);
  return parts.flatMap((part) => (typeof part !== 'string' && part.name === name ? [part.kind] : []))[0];
}
