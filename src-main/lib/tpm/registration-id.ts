/** The registration id that Azure's SDKs derive from an endorsement key (dps-wire section 4.2). */
import { createHash } from 'node:crypto';

const base32Digits = 'abcdefghijklmnopqrstuvwxyz234567';

/** Lower-case RFC 4648 base32 without padding of SHA-256 over the whole TPM2B_PUBLIC: 52 characters. */
export function registrationIdFromEk(ekTpm2bPublic: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of createHash('sha256').update(ekTpm2bPublic).digest()) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32Digits.charAt((held >> bits) & 31);
    }
  }
  return bits > 0 ? text + base32Digits.charAt((held << (5 - bits)) & 31) : text;
}
