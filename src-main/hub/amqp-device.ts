/** One device on one AMQP connection: its links, what comes in on them, and what goes out. */
import { utf8 } from '../lib/base/bytes.ts';
import type { Log } from '../lib/base/log.ts';
import type { AmqpDelivery, AmqpError, AmqpLink, AmqpMessage } from '../lib/listen/amqp.ts';
import { createAmqpReplies, type AmqpReplies } from '../lib/listen/amqp-replies.ts';
import type { DeviceLinkKind } from './amqp-address.ts';
import { openCloudPump, type CloudPump } from './amqp-cloud-pump.ts';
import { amqpErrorOf } from './amqp-fault.ts';
import { methodCallOut, methodReplyOf, payloadOf, telemetryOf } from './amqp-message-form.ts';
import type { DeviceDesk } from './device-desk.ts';
import { twinRefusal } from './hub-fault.ts';
import type { JsonObject } from './json.ts';

export interface AmqpDevice {
  readonly deviceId: string;
  attached(link: AmqpLink, kind: DeviceLinkKind): void;
  received(link: AmqpLink, kind: DeviceLinkKind, message: AmqpMessage, delivery: AmqpDelivery): void;
  sendable(link: AmqpLink): void;
  detached(link: AmqpLink): void;
  desiredChanged(patch: JsonObject, version: number): void;
  /** Its links end with the connection, or are detached with the reason given. */
  end(error?: AmqpError): void;
}

export interface DeviceParts {
  readonly desk: DeviceDesk;
  readonly log: Log;
  /** Of the connection: the device does not take what it must know. */
  readonly close: (error: AmqpError) => void;
}

interface TwinLink {
  /** The two links of a client carry the same (dps-wire 10.4). */
  readonly channel: string;
  isSubscribed: boolean;
}

interface Links {
  readonly all: Set<AmqpLink>;
  readonly pumps: Map<AmqpLink, CloudPump>;
  /** The way out of listening to method calls; undefined before the link had credit. */
  readonly methods: Map<AmqpLink, (() => void) | undefined>;
  readonly twins: Map<AmqpLink, TwinLink>;
}

export function openAmqpDevice(parts: DeviceParts, deviceId: string): AmqpDevice {
  const { desk, log, close } = parts;
  const replies = createAmqpReplies();
  const links: Links = { all: new Set(), pumps: new Map(), methods: new Map(), twins: new Map() };
  const forget = (link: AmqpLink): void => {
    links.pumps.get(link)?.close();
    links.methods.get(link)?.();
    replies.forget(link);
    for (const map of [links.pumps, links.methods, links.twins]) map.delete(link);
    links.all.delete(link);
  };
  return {
    deviceId,
    attached(link, kind) {
      links.all.add(link);
      const modelId = link.properties.get('com.microsoft:model-id');
      if (typeof modelId === 'string') desk.announced(deviceId, modelId);
      if (link.direction === 'in') return;
      if (kind === 'messages')
        links.pumps.set(link, openCloudPump({ cloudMessages: desk.cloudMessages, log }, deviceId, link));
      if (kind === 'methods') links.methods.set(link, undefined);
      if (kind === 'twin') links.twins.set(link, { channel: channelOf(link), isSubscribed: false });
    },
    received(link, kind, message, delivery) {
      desk.heard(deviceId);
      if (kind === 'telemetry') takeTelemetry(desk, deviceId, message, delivery);
      if (kind === 'methods') takeReply(desk, deviceId, message, delivery);
      if (kind === 'twin') answerTwin({ desk, deviceId, links, replies, close }, link, message, delivery);
    },
    sendable(link) {
      links.pumps.get(link)?.wake();
      replies.sendable(link);
      // not before there is credit: a call that waits for its device would be refused
      if (links.methods.has(link) && links.methods.get(link) === undefined && link.credit > 0) {
        links.methods.set(link, listenToMethods(desk, deviceId, link));
      }
    },
    detached: forget,
    desiredChanged(patch, version) {
      const data = utf8(JSON.stringify({ ...patch, $version: version }));
      // without a correlation id: that is how a client knows it for a notification (dps-wire 10.4)
      for (const [link, twin] of links.twins) if (twin.isSubscribed && !replies.send(link, { data })) close(notTaken);
    },
    end(error) {
      for (const link of [...links.all]) {
        forget(link);
        if (error !== undefined && link.isOpen) link.detach(error);
      }
    },
  };
}

// The client comes back and reads its twin anew.
export const notTaken: AmqpError = { condition: 'amqp:resource-limit-exceeded', description: 'Answers are not taken.' };

function takeTelemetry(desk: DeviceDesk, deviceId: string, message: AmqpMessage, delivery: AmqpDelivery): void {
  const taken = desk.telemetry(deviceId, telemetryOf(message));
  if (taken.ok) delivery.accept();
  else delivery.reject(amqpErrorOf(taken.fault));
}

// ---- direct methods

/** A call without credit ends at once. */
function listenToMethods(desk: DeviceDesk, deviceId: string, link: AmqpLink): () => void {
  return desk.methods.listen(deviceId, (request) => link.send(methodCallOut(request)));
}

function takeReply(desk: DeviceDesk, deviceId: string, message: AmqpMessage, delivery: AmqpDelivery): void {
  const reply = methodReplyOf(message);
  // one that nobody waits for any more is dropped, as IoT Hub does
  if (reply !== undefined) desk.methods.answered(deviceId, reply.requestId, reply);
  delivery.accept();
}

// ---- twin

function channelOf(link: AmqpLink): string {
  const channel = link.properties.get('com.microsoft:channel-correlation-id');
  return typeof channel === 'string' ? channel : '';
}

interface TwinScope {
  readonly desk: DeviceDesk;
  readonly deviceId: string;
  readonly links: Links;
  readonly replies: AmqpReplies;
  readonly close: DeviceParts['close'];
}

interface TwinAnswer {
  readonly status: number;
  readonly version?: number;
  readonly json?: JsonObject;
}

const notifications = '/notifications/twin/properties/desired';

function answerTwin(scope: TwinScope, link: AmqpLink, message: AmqpMessage, delivery: AmqpDelivery): void {
  const channel = channelOf(link);
  const [reply, twin] = [...scope.links.twins].find(([, one]) => one.channel === channel) ?? [];
  delivery.accept();
  if (reply === undefined || twin === undefined) return;
  const { status, version, json } = twinAnswer(scope, twin, message);
  const answer = {
    correlationId: message.correlationId,
    annotations: { status, ...(version === undefined ? {} : { version }) },
    data: json === undefined ? new Uint8Array() : utf8(JSON.stringify(json)),
  };
  if (!scope.replies.send(reply, answer)) scope.close(notTaken);
}

function twinAnswer({ desk, deviceId }: TwinScope, twin: TwinLink, message: AmqpMessage): TwinAnswer {
  const { annotations } = message;
  const resource = String(annotations.get('resource') ?? '').toLowerCase();
  const operation = String(annotations.get('operation') ?? '').toUpperCase();
  if (operation === 'GET') {
    const view = desk.twin(deviceId);
    return view.ok ? { status: 200, json: view.value } : twinRefusal(view.fault);
  }
  if (operation === 'PATCH' && resource === '/properties/reported') {
    const version = desk.report(deviceId, payloadOf(message));
    return version.ok ? { status: 204, version: version.value } : twinRefusal(version.fault);
  }
  if (resource === notifications && (operation === 'PUT' || operation === 'DELETE')) {
    twin.isSubscribed = operation === 'PUT';
    return { status: 200 };
  }
  return { status: 400, json: { errorCode: 400_001, message: 'The operation is not known.' } };
}
