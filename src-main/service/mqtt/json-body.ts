/** What is said over MQTT (dps-wire 2.2). */
import { utf8 } from '../../lib/base/bytes.ts';

/** ASCII alone: one client reads it as such. */
export function asciiJson(value: unknown): Uint8Array {
  const text = JSON.stringify(value);
  return utf8(beyondAscii.test(text) ? text.replace(eachBeyondAscii, escaped) : text);
}

const beyondAscii = /[\u0080-\uffff]/;
const eachBeyondAscii = /[\u0080-\uffff]/g;

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
