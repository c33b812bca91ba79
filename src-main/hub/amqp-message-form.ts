/** Messages of a hub in the sections of AMQP: telemetry, messages to devices, method calls (dps-wire 10.4). */
import { fromUtf8, utf8 } from '../lib/base/bytes.ts';
import { isoTime, timeOf } from '../lib/base/host.ts';
import type { AmqpId, AmqpMessage, AmqpOutgoing, AmqpScalar } from '../lib/listen/amqp.ts';
import type { AppProperties, CloudMessage, CloudMessageForm, SystemProperties } from './cloud-message.ts';
import type { Telemetry } from './device-desk.ts';
import type { MethodRequest } from './direct-methods.ts';

const ackProperty = 'iothub-ack';

export function telemetryOf(message: AmqpMessage): Telemetry {
  return { system: systemOf(message), properties: propertiesOf(message), payload: payloadOf(message) };
}

export function cloudFormOf(message: AmqpMessage): CloudMessageForm {
  return telemetryOf(message);
}

/** The bytes of the data sections; a text value as UTF-8; nothing otherwise. */
export function payloadOf({ body }: AmqpMessage): Uint8Array {
  if (body.is === 'data') return body.bytes;
  return body.is === 'value' && typeof body.value === 'string' ? utf8(body.value) : new Uint8Array();
}

function systemOf({ messageId, correlationId, properties, application }: AmqpMessage): SystemProperties {
  const text = (name: string): string | undefined => textOf(properties.get(name));
  const expiryMs = properties.get('absolute_expiry_time');
  const all = {
    messageId: messageId?.text,
    correlationId: correlationId?.text,
    userId: text('user_id'),
    to: text('to'),
    contentType: text('content_type'),
    contentEncoding: text('content_encoding'),
    expiryTimeUtc: typeof expiryMs === 'number' ? isoTime(expiryMs) : undefined,
    ack: textOf(application.get(ackProperty)),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function propertiesOf({ application }: AmqpMessage): AppProperties {
  const texts = [...application].map(([name, value]) => [name, textOf(value)] as const);
  return Object.fromEntries(
    texts.filter(([name, text]) => name !== ackProperty && text !== undefined),
  ) as AppProperties;
}

function textOf(value: AmqpScalar | undefined): string | undefined {
  if (value === undefined) return undefined;
  return value instanceof Uint8Array ? (fromUtf8(value) ?? Buffer.from(value).toString('base64')) : String(value);
}

export function cloudMessageOut(deviceId: string, message: CloudMessage): AmqpOutgoing {
  const { system, properties, ack, payload, sequence, deliveryCount } = message;
  const expiresAtMs = system.expiryTimeUtc === undefined ? undefined : timeOf(system.expiryTimeUtc);
  return {
    messageId: { type: 'string', text: message.messageId },
    correlationId: system.correlationId === undefined ? undefined : { type: 'string', text: system.correlationId },
    to: system.to ?? `/devices/${encodeURIComponent(deviceId)}/messages/devicebound`,
    ...(system.userId === undefined ? {} : { userId: system.userId }),
    ...(system.contentType === undefined ? {} : { contentType: system.contentType }),
    ...(system.contentEncoding === undefined ? {} : { contentEncoding: system.contentEncoding }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    annotations: { 'x-opt-sequence-number': sequence, 'iothub-deliverycount': deliveryCount },
    application: { ...properties, [ackProperty]: ack },
    data: payload,
  };
}

// ---- direct methods

const methodName = 'IoThub-methodname';
const methodStatus = 'IoThub-status';

export function methodCallOut({ requestId, methodName: name, payload }: MethodRequest): AmqpOutgoing {
  return { correlationId: callId(requestId), application: { [methodName]: name }, data: payload };
}

// Three SDKs take the id of a call for a uuid and nothing else; a request id of ours has 16 hexadecimal digits.
const idPattern = /^([0-9a-f]{8})-([0-9a-f]{4})-4000-8000-0{8}([0-9a-f]{4})$/;

function callId(requestId: string): AmqpId {
  const parts = [requestId.slice(0, 8), requestId.slice(8, 12), '4000', '8000', `00000000${requestId.slice(12, 16)}`];
  return { type: 'uuid', text: parts.join('-') };
}

export interface MethodReply {
  readonly requestId: string;
  readonly status: number;
  readonly payload: Uint8Array;
}

/** Undefined when it answers no call of ours. */
export function methodReplyOf(message: AmqpMessage): MethodReply | undefined {
  const [, ...parts] = idPattern.exec(message.correlationId?.text.toLowerCase() ?? '') ?? [];
  const status = Number(message.application.get(methodStatus));
  if (parts.length === 0 || !Number.isInteger(status)) return undefined;
  return { requestId: parts.join(''), status, payload: payloadOf(message) };
}
