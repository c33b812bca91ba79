/** Checks the sections of a message and reads its two ids with their types, which the engine's decoder drops. */
import type { AmqpId } from './amqp.ts';
import { listFields, readConstructor, skipValue, variableAt, type Constructor } from './amqp-scan.ts';

export interface MessageIds {
  readonly messageId?: AmqpId | undefined;
  readonly correlationId?: AmqpId | undefined;
}

// AMQP 1.0 section 3.2: header to footer.
const sections = { first: 0x70, last: 0x78, properties: 0x73 };
const fieldsAt = { messageId: 0, correlationId: 5 };
// GUIDs in every client; an id is echoed and kept while its request is under way.
const maxIdBytes = 256;

/** Undefined when it is not a message, or has an id that is too long. */
export function messageIds(message: Buffer): MessageIds | undefined {
  let ids: MessageIds = {};
  let at = 0;
  while (at < message.length) {
    const end = skipValue(message, at);
    const constructor = end < 0 ? undefined : readConstructor(message, at);
    const section = constructor?.descriptor ?? 0;
    if (constructor === undefined || section < sections.first || section > sections.last) return undefined;
    if (section === sections.properties) {
      const found = idsOf(message, constructor);
      if (found === undefined) return undefined;
      ids = found;
    }
    at = end;
  }
  return ids;
}

function idsOf(message: Buffer, properties: Constructor): MessageIds | undefined {
  const fields = listFields(message, properties);
  if (fields === undefined) return undefined;
  const messageId = idAt(message, fields[fieldsAt.messageId]);
  const correlationId = idAt(message, fields[fieldsAt.correlationId]);
  const tooLong = [messageId, correlationId].some((id) => (id?.text.length ?? 0) > maxIdBytes);
  return tooLong ? undefined : { messageId, correlationId };
}

/** Undefined when it is absent. */
function idAt(message: Buffer, at: number | undefined): AmqpId | undefined {
  if (at === undefined) return undefined;
  const code = message[at] ?? 0;
  if (code === 0x98) return { type: 'uuid', text: uuidText(message.toString('hex', at + 1, at + 17)) };
  const variable = variableAt(message, at);
  if (variable === undefined) return ulongAt(message, at);
  // a0 and b0 are binary, a1 and b1 strings
  const isBinary = (code & 0x0f) === 0;
  return isBinary
    ? { type: 'binary', text: variable.toString('hex') }
    : { type: 'string', text: variable.toString('utf8') };
}

function ulongAt(message: Buffer, at: number): AmqpId | undefined {
  switch (message[at]) {
    case 0x44:
      return { type: 'ulong', text: '0' };
    case 0x53:
      return { type: 'ulong', text: String(message[at + 1]) };
    case 0x80:
      return { type: 'ulong', text: String(message.readBigUInt64BE(at + 1)) };
    default:
      return undefined;
  }
}

function uuidText(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
