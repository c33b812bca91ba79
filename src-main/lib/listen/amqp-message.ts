/** Messages between the engine's shape and ours. */
import type { AmqpBody, AmqpId, AmqpMessage, AmqpOutgoing, AmqpOutgoingMap, AmqpScalar } from './amqp.ts';
import type { MessageIds } from './amqp-message-ids.ts';
import { dataSection, rheaTypes, type RheaMessage, type RheaTyped } from './amqp-rhea.ts';

const propertyNames = [
  'user_id',
  'to',
  'subject',
  'reply_to',
  'content_type',
  'content_encoding',
  'absolute_expiry_time',
  'creation_time',
  'group_id',
  'group_sequence',
  'reply_to_group_id',
] as const;

export function messageFrom(message: RheaMessage, { messageId, correlationId }: MessageIds): AmqpMessage {
  const properties = new Map<string, AmqpScalar>();
  for (const name of propertyNames) {
    const value = scalarOf(message[name]);
    if (value !== undefined) properties.set(name, value);
  }
  return {
    messageId,
    correlationId,
    properties,
    annotations: scalarsOf(message['message_annotations']),
    application: scalarsOf(message['application_properties']),
    body: bodyOf(message['body']),
  };
}

export function scalarsOf(map: unknown): ReadonlyMap<string, AmqpScalar> {
  const scalars = new Map<string, AmqpScalar>();
  if (typeof map !== 'object' || map === null) return scalars;
  for (const [key, value] of Object.entries(map)) {
    const scalar = scalarOf(value);
    if (scalar !== undefined) scalars.set(key, scalar);
  }
  return scalars;
}

function scalarOf(value: unknown): AmqpScalar | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'object' && value !== null && 'getTime' in value && typeof value.getTime === 'function') {
    const ms = Number(value);
    return Number.isFinite(ms) ? ms : undefined;
  }
  return undefined;
}

// The descriptor of a data section (AMQP 1.0 section 3.2.6).
const dataCode = 0x75;

function bodyOf(body: unknown): AmqpBody {
  if (body === undefined) return { is: 'none' };
  if (typeof body === 'object' && body !== null && 'typecode' in body && 'content' in body) {
    if (body.typecode !== dataCode) return { is: 'none' };
    const parts: readonly unknown[] = Array.isArray(body.content) ? body.content : [body.content];
    return { is: 'data', bytes: Buffer.concat(parts.filter((part) => part instanceof Uint8Array)) };
  }
  return { is: 'value', value: scalarOf(body) };
}

export function rheaMessageOf(outgoing: AmqpOutgoing): RheaMessage {
  const { messageId, correlationId, userId, expiresAtMs, annotations, application, data } = outgoing;
  return withoutGaps({
    message_id: messageId && typedId(messageId),
    correlation_id: correlationId && typedId(correlationId),
    user_id: userId === undefined ? undefined : Buffer.from(userId),
    to: outgoing.to,
    content_type: outgoing.contentType,
    content_encoding: outgoing.contentEncoding,
    absolute_expiry_time: expiresAtMs,
    message_annotations: annotations && typedMap(annotations),
    application_properties: application && typedMap(application),
    body: data === undefined ? undefined : dataSection(Buffer.from(data)),
  });
}

function withoutGaps(members: RheaMessage): RheaMessage {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function typedMap(map: AmqpOutgoingMap): Readonly<Record<string, unknown>> {
  // The engine's own choice for a number is uint, which one client does not take (dps-wire 3.2).
  const typed = (value: string | number | boolean) => (typeof value === 'number' ? rheaTypes.wrap_int(value) : value);
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, typed(value)]));
}

export function typedNumbers(info: Readonly<Record<string, number>>): Readonly<Record<string, RheaTyped>> {
  return Object.fromEntries(Object.entries(info).map(([key, value]) => [key, rheaTypes.wrap_int(value)]));
}

function typedId({ type, text }: AmqpId): RheaTyped {
  switch (type) {
    case 'string':
      return rheaTypes.wrap_string(text);
    case 'uuid':
      return rheaTypes.wrap_uuid(Buffer.from(text.replaceAll('-', ''), 'hex'));
    case 'binary':
      return rheaTypes.wrap_binary(Buffer.from(text, 'hex'));
    case 'ulong': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(text));
      return rheaTypes.wrap_ulong(bytes);
    }
  }
}
