/** The device API over MQTT (dps-wire 2): a CONNECT says who, a topic says what, the core decides. */
import { inBackground, nameOf } from '../../lib/base/background.ts';
import { fromUtf8 } from '../../lib/base/bytes.ts';
import type { Log } from '../../lib/base/log.ts';
import type { AcceptStream } from '../../lib/listen/device-web-sockets.ts';
import { createMqttBroker } from '../../lib/listen/mqtt-broker.ts';
import type { MqttBroker, MqttConnect, MqttConnection, MqttDecision, MqttHooks } from '../../lib/listen/mqtt.ts';
import type { TlsPeer } from '../../lib/listen/tls-peer.ts';
import { maxTlsConnections } from '../../lib/listen/tls-server.ts';
import type { DeviceClaim } from '../core/claim.ts';
import { errorBodyOf, internalError, isTransient, statusOf, type ErrorParts } from '../core/error-body.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import { registrationIn } from '../core/registration-body.ts';
import type { RegistrationDesk } from '../core/registration-desk.ts';
import { asciiJson } from './json-body.ts';
import { parseRequestTopic, responseFilter, responseTopic, type DeviceRequest } from './topics.ts';
import { parseUserName } from './user-name.ts';

export interface DeviceWireParts extends ErrorParts {
  readonly registrations: RegistrationDesk;
  readonly log: Log;
  /** Whole seconds until a device shall ask again. */
  readonly retryAfterS: number;
}

export interface DeviceWire {
  /** Takes over a stream whose first bytes are MQTT. */
  readonly accept: AcceptStream;
  close(): Promise<void>;
}

/** One connection, from its TLS handshake to its end. */
interface Caller {
  readonly tls: TlsPeer;
  /** Undefined until it is let in. */
  claim: DeviceClaim | undefined;
  /** False for one that is let in by its certificate and has not been judged yet: it may be here to be told no. */
  isProven: boolean;
  /** Requests that are being worked on. */
  busy: number;
  cancelLook: (() => void) | undefined;
}

/** dps-wire 8.4: 96 kB of message, and its topic. */
export const maxPacketBytes = 131_072;
// SDKs have one request under way; what pipelines more than this is none.
const maxBusy = 8;
// SDKs ask within seconds and are judged by it; one that is still unproven then is judged without being asked.
const unprovenStayMs = 30_000;

export async function createMqttDeviceWire(parts: DeviceWireParts): Promise<DeviceWire> {
  const broker: MqttBroker<Caller> = await createMqttBroker<Caller>(
    hooksOf(parts, (clientId) => broker.connection(clientId) !== undefined),
    // Devices come by two listeners, 8883 and the WebSockets of 443, each with its own bound.
    { maxPacketBytes, maxConnections: 2 * maxTlsConnections, cleanSession: 'always' },
    parts.log,
  );
  return {
    accept(stream, tls) {
      broker.handle(stream, { tls, claim: undefined, isProven: true, busy: 0, cancelLook: undefined });
    },
    close: () => broker.close(),
  };
}

function hooksOf(parts: DeviceWireParts, isConnected: (clientId: string) => boolean): MqttHooks<Caller> {
  return {
    connecting: (connect) => letIn(parts, connect, isConnected),
    connected(connection) {
      const { peer } = connection;
      if (peer.isProven) return;
      peer.cancelLook = parts.clock.after(unprovenStayMs, () => {
        ofConnection(parts, connection, () => closeStranger(parts, connection));
      });
    },
    disconnected({ peer }) {
      peer.cancelLook?.();
    },
    // Unknown topics and QoS 2 end the connection (dps-wire 13 item 18).
    mayPublish({ peer }, { topic, qos }) {
      if (qos === 2 || peer.busy >= maxBusy || parseRequestTopic(topic) === undefined) return false;
      peer.busy += 1;
      return true;
    },
    published(connection, { topic, payload }) {
      const request = parseRequestTopic(topic);
      if (request === undefined) return;
      ofConnection(parts, connection, () => serve(parts, connection, { ...request, payload }));
    },
    maySubscribe: (_connection, { filter }) => filter === responseFilter,
    unsubscribed: () => undefined,
  };
}

/** A bug ends this connection and no other. */
function ofConnection(parts: DeviceWireParts, connection: MqttConnection<Caller>, work: () => Promise<void>): void {
  inBackground(parts.log, 'mqtt-device-broke', work, () => {
    connection.close();
  });
}

// ---- who is let in

async function letIn(
  parts: DeviceWireParts,
  connect: MqttConnect<Caller>,
  isConnected: (clientId: string) => boolean,
): Promise<MqttDecision> {
  const { peer, clientId } = connect;
  const named = parseUserName(connect.userName);
  if (named === undefined) return { is: 'bad-credentials' };
  if (clientId.toLowerCase() !== named.registrationId.toLowerCase()) return { is: 'not-authorized' };
  const claim = {
    ...named,
    body: {},
    // X.509: no password, or an empty one
    authorization: connect.password.length === 0 ? undefined : (fromUtf8(connect.password) ?? ''),
    certificates: peer.tls.certificates,
    source: peer.tls.remoteAddress,
  };
  // The handshake has proven its key. Whether an enrollment knows it is judged when it asks, once, and told in an answer
  // (dps-wire 13 item 20). One that has proven nothing more must not end the connection of one that has.
  peer.isProven = claim.authorization !== undefined || claim.certificates.length === 0 || isConnected(clientId);
  const refusal = peer.isProven ? await refusalOf(parts, claim) : undefined;
  if (refusal !== undefined) return decisionOf(refusal);
  peer.claim = claim;
  return { is: 'accepted' };
}

async function closeStranger(parts: DeviceWireParts, connection: MqttConnection<Caller>): Promise<void> {
  const { peer } = connection;
  if (peer.isProven || peer.claim === undefined) return;
  if ((await refusalOf(parts, peer.claim)) === undefined) peer.isProven = true;
  else connection.close();
}

async function refusalOf(parts: DeviceWireParts, claim: DeviceClaim): Promise<ServiceFault | undefined> {
  try {
    const admitted = await parts.registrations.admit(claim);
    if (!admitted.ok) return admitted.fault;
    if (admitted.value.is === 'admitted') return undefined;
    // the desk tells of what it refuses itself
    const { code, say: reason } = tpmIsElsewhere;
    parts.log.warn('tpm-over-mqtt', { registrationId: claim.registrationId, code, reason });
    return tpmIsElsewhere;
  } catch (error) {
    parts.log.error('request-failed', { error: nameOf(error) });
    return serviceFault('store-failed', { reason: 'internal error' });
  }
}

// A challenge needs an answer within one exchange; no SDK has one for MQTT (dps-wire 2.1).
const tpmIsElsewhere = serviceFault('unauthorized', { reason: 'A TPM registers over HTTPS or AMQP' });

/** Transient is told as such (dps-wire 2.1: CONNACK 3 is "try again later"). */
function decisionOf(fault: ServiceFault): MqttDecision {
  const status = statusOf(fault.code);
  if (isTransient(status)) return { is: 'unavailable' };
  return { is: status === 400 ? 'identifier-rejected' : 'not-authorized' };
}

// ---- what is asked

type Asked = DeviceRequest & { readonly payload: Uint8Array };

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly retryAfterS?: number | undefined;
}

async function serve(parts: DeviceWireParts, connection: MqttConnection<Caller>, asked: Asked): Promise<void> {
  const { peer } = connection;
  const answer = await answerTo(parts, peer.claim, asked);
  peer.busy -= 1;
  peer.isProven ||= answer.status < 300;
  // Nothing comes unasked: not to one that does not listen for it either.
  if (!connection.filters.has(responseFilter)) return;
  const { status, json } = answer;
  const again = status === 202 || isTransient(status);
  const retryAfterS = again ? (answer.retryAfterS ?? parts.retryAfterS) : undefined;
  // QoS 1 whatever was asked (rule 5): one client acknowledges every answer by its packet id.
  connection.send({ topic: responseTopic(status, asked.requestId, retryAfterS), payload: asciiJson(json), qos: 1 });
}

async function answerTo(parts: DeviceWireParts, claim: DeviceClaim | undefined, asked: Asked): Promise<Answer> {
  try {
    if (claim === undefined) return errorBodyOf(parts, serviceFault('unauthorized', { reason: 'Unauthorized' }));
    return asked.is === 'register'
      ? await register(parts, claim, asked.payload)
      : await poll(parts, claim, asked.operationId);
  } catch (error) {
    parts.log.error('request-failed', { error: nameOf(error) });
    return internalError(parts);
  }
}

async function register(parts: DeviceWireParts, claim: DeviceClaim, payload: Uint8Array): Promise<Answer> {
  const body = registrationIn(payload);
  if (!body.ok) return errorBodyOf(parts, body.fault);
  const answer = await parts.registrations.register({ ...claim, body: body.value });
  if (!answer.ok) return errorBodyOf(parts, answer.fault);
  if (answer.value.is === 'challenge') return errorBodyOf(parts, tpmIsElsewhere);
  return { status: 202, json: answer.value.operation.json };
}

/** Whatever body comes with it is not looked at: a space, the register body again, nothing (dps-wire 2.3). */
async function poll(parts: DeviceWireParts, claim: DeviceClaim, operationId: string): Promise<Answer> {
  const operation = await parts.registrations.poll(claim, operationId);
  if (!operation.ok) return errorBodyOf(parts, operation.fault);
  const { isDone, json } = operation.value;
  return { status: isDone ? 200 : 202, json };
}
