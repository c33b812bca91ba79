/** A cloud-to-device message as a hub keeps it (dps-wire 10.2): what a service says to one device. */
import { failed, ok } from '../lib/base/result.ts';
import type { Outcome } from './device-changes.ts';
import { hubFault } from './hub-fault.ts';

/** The message properties that Azure names, by their names in AMQP; a wire has a spelling of its own for each. */
export interface SystemProperties {
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly userId?: string;
  readonly to?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** ISO 8601. */
  readonly expiryTimeUtc?: string;
  readonly ack?: string;
}

export type AppProperties = Readonly<Record<string, string>>;

const acks = ['none', 'positive', 'negative', 'full'] as const;
export type Ack = (typeof acks)[number];

export interface CloudMessageForm {
  readonly system: SystemProperties;
  readonly properties: AppProperties;
  readonly payload: Uint8Array;
}

export interface CloudMessage {
  /** Grows with every message of the hub; the order of delivery. */
  readonly sequence: number;
  readonly messageId: string;
  readonly ack: Ack;
  readonly enqueuedMs: number;
  readonly expiresMs: number | undefined;
  /** How often it has been handed out, this time included. */
  readonly deliveryCount: number;
  readonly system: SystemProperties;
  readonly properties: AppProperties;
  readonly payload: Uint8Array;
}

/** IoT Hub's limit for one message with its properties. */
const maxCloudMessageBytes = 262_144;
// AMQP's and MQTT's own bounds leave no room for more in a topic (dps-wire 10.2 puts them there).
const maxPropertyBytes = 16_384;

function isAck(text: string): text is Ack {
  return (acks as readonly string[]).includes(text);
}

// Azure's rule for a property's name: it is a header over HTTP (RFC 9110 section 5.6.2).
const propertyName = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,128}$/;

/** What the sender wants to hear of it, when there is nothing to say against the message. */
export function checkedForm(form: CloudMessageForm): Outcome<Ack> {
  if (!Object.keys(form.properties).every((name) => propertyName.test(name))) {
    return failed(
      hubFault('ArgumentInvalid', { reason: 'the name of a property holds other signs than a header may' }),
    );
  }
  const texts = [...Object.entries(form.properties), ...Object.entries(form.system)].flat() as readonly string[];
  const propertyBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (propertyBytes > maxPropertyBytes) return failed(hubFault('MessageTooLarge', { limit: maxPropertyBytes }));
  if (form.payload.length + propertyBytes > maxCloudMessageBytes) {
    return failed(hubFault('MessageTooLarge', { limit: maxCloudMessageBytes }));
  }
  const ack = (form.system.ack ?? 'none').toLowerCase();
  if (!isAck(ack)) return failed(hubFault('ArgumentInvalid', { reason: `ack is not one of ${acks.join(', ')}` }));
  return ok(ack);
}
