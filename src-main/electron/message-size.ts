/** How large a message is at the border; measured as the JSON it could be written as. */
import { maxMessageBytes } from '../contract/messages.ts';

/** Undefined for what cannot be written as JSON: a cycle, a big integer. */
export function messageBytes(message: unknown): number | undefined {
  try {
    const text = JSON.stringify(message) as string | undefined;
    return text === undefined ? 0 : Buffer.byteLength(text);
  } catch {
    return undefined;
  }
}

export function fitsBorder(message: unknown): boolean {
  const bytes = messageBytes(message);
  return bytes !== undefined && bytes <= maxMessageBytes;
}
