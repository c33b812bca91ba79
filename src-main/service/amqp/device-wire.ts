/** The device API over AMQP (dps-wire 3): a login says who, a link's address too, a message's property says what. */
import { inBackground, nameOf } from '../../lib/base/background.ts';
import { utf8 } from '../../lib/base/bytes.ts';
import { createLane } from '../../lib/base/lane.ts';
import { createAmqpAcceptor } from '../../lib/listen/amqp-acceptor.ts';
import type {
  AmqpAttach,
  AmqpBody,
  AmqpConnection,
  AmqpDelivery,
  AmqpError,
  AmqpHandlers,
  AmqpLimits,
  AmqpLink,
  AmqpMessage,
} from '../../lib/listen/amqp.ts';
import { createAmqpReplies, type AmqpReplies } from '../../lib/listen/amqp-replies.ts';
import type { AcceptStream } from '../../lib/listen/device-web-sockets.ts';
import { maxTlsConnections } from '../../lib/listen/tls-server.ts';
import type { DeviceClaim } from '../core/claim.ts';
import { errorBodyOf, internalError, type ErrorParts } from '../core/error-body.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import { registrationIn } from '../core/registration-body.ts';
import type { RegistrationDesk } from '../core/registration-desk.ts';
import { amqpErrorOf, retryAfter } from './amqp-error.ts';
import { parseDeviceAddress, sameDevice, type DeviceAddress } from './device-address.ts';
import { plainExchange, tpmExchange, type DeviceLogin, type SaslParts } from './sasl.ts';

export interface DeviceWireParts extends ErrorParts, SaslParts {
  readonly registrations: RegistrationDesk;
  /** Whole seconds until a device shall ask again. */
  readonly retryAfterS: number;
}

export interface DeviceWire {
  /** Takes over a stream whose first bytes are AMQP. */
  readonly accept: AcceptStream;
  close(): Promise<void>;
}

// dps-wire 3.1: one client announces this for its messages; 8.4 allows 96 kB.
export const maxFrameBytes = 65_536;
export const deviceLimits: AmqpLimits = {
  // Devices come by two listeners, 5671 and the WebSockets of 443, each with its own bound.
  maxConnections: 2 * maxTlsConnections,
  maxFrameBytes,
  maxMessageBytes: 131_072,
  // SDKs use one session with two links.
  maxSessions: 4,
  maxLinks: 8,
  // dps-wire 3.1: a few at the least; SDKs have one request under way.
  credit: 10,
  idleTimeoutMs: 120_000,
};

/** One connection after its login. */
interface Caller {
  readonly parts: DeviceWireParts;
  readonly connection: AmqpConnection;
  readonly authorization: string | undefined;
  device: DeviceAddress | undefined;
  /** Where answers go. */
  readonly replies: Set<AmqpLink>;
  readonly waiting: AmqpReplies;
}

export function createAmqpDeviceWire(parts: DeviceWireParts): DeviceWire {
  const acceptor = createAmqpAcceptor<DeviceLogin>(
    {
      // PLAIN first: one client takes the first that it has a user name for
      mechanisms: new Map([
        ['PLAIN', (peer) => plainExchange(parts, peer)],
        ['TPM', (peer) => tpmExchange(parts, peer)],
      ]),
      // dps-wire 3.4: without SASL there must be a certificate
      bare: ({ certificates }) =>
        certificates.length > 0 ? { device: undefined, authorization: undefined } : undefined,
      connected: (connection, { device, authorization }) =>
        handlersOf({ parts, connection, authorization, device, replies: new Set(), waiting: createAmqpReplies() }),
    },
    { clock: parts.clock, log: parts.log, limits: deviceLimits },
  );
  return { accept: (stream, peer) => acceptor.accept(stream, peer), close: () => acceptor.close() };
}

function handlersOf(caller: Caller): AmqpHandlers {
  // Strictly one after the other: two clients send no correlation id and take the next answer for theirs.
  const lane = createLane(deviceLimits.credit * deviceLimits.maxLinks * deviceLimits.maxSessions);
  return {
    attaching: (link) => attach(caller, link),
    received(link, message, delivery) {
      const answer = () => lane.run(() => serve(caller, { link, message, delivery }));
      // a bug ends this connection and no other
      inBackground(caller.parts.log, 'amqp-device-broke', answer, () => {
        caller.connection.close(broken);
      });
    },
    sendable: (link) => caller.waiting.sendable(link),
    detached(link) {
      caller.replies.delete(link);
      caller.waiting.forget(link);
    },
    closed: () => {
      caller.replies.clear();
    },
  };
}

function attach(caller: Caller, link: AmqpLink): AmqpAttach {
  const address = parseDeviceAddress(link.address);
  if (address === undefined) {
    const shown = link.address.slice(0, maxShownAddress);
    const description = `The link address '${shown}' did not match any of the expected formats.`;
    return { is: 'refused', error: { condition: 'amqp:invalid-field', description } };
  }
  if (caller.device !== undefined && !sameDevice(address, caller.device)) {
    return { is: 'refused', error: errorOf(caller, serviceFault('unauthorized', { reason: 'Unauthorized' })) };
  }
  caller.device = address;
  if (link.direction === 'out') caller.replies.add(link);
  return { is: 'accepted' };
}

// The longest that is right; what is longer helps nobody.
const maxShownAddress = 256;

function errorOf({ parts }: Caller, fault: ServiceFault): AmqpError {
  return amqpErrorOf(errorBodyOf(parts, fault), parts.retryAfterS);
}

interface Request {
  readonly link: AmqpLink;
  readonly message: AmqpMessage;
  readonly delivery: AmqpDelivery;
}

async function serve(caller: Caller, { link, message, delivery }: Request): Promise<void> {
  const answer = await answerTo(caller, link, message);
  const reply = [...caller.replies].find((one) => one.isOpen);
  if ('condition' in answer) {
    delivery.reject(answer);
    return;
  }
  if (reply === undefined) {
    delivery.reject({ condition: 'amqp:precondition-failed', description: 'There is no link to answer on.' });
    return;
  }
  // dps-wire 3.2: accepted first, then the answer
  delivery.accept();
  const { correlationId } = message;
  const { isDone, json } = answer;
  const application = isDone ? {} : retryAfter(caller.parts.retryAfterS);
  // one that does not take its answers has them rejected by its end
  const sent = caller.waiting.send(reply, { correlationId, application, data: utf8(JSON.stringify(json)) });
  if (!sent) caller.connection.close(tooMuch);
}

const broken: AmqpError = { condition: 'amqp:internal-error', description: 'Internal error.' };
const tooMuch: AmqpError = { condition: 'amqp:resource-limit-exceeded', description: 'Answers are not taken.' };

interface Answer {
  readonly isDone: boolean;
  readonly json: Readonly<Record<string, unknown>>;
}

/** By the operation's name alone: bodies of polls differ with every client (dps-wire 3.2). */
async function answerTo(caller: Caller, link: AmqpLink, message: AmqpMessage): Promise<Answer | AmqpError> {
  const { parts, device } = caller;
  const { application, body } = message;
  try {
    if (device === undefined) return errorOf(caller, serviceFault('unauthorized', { reason: 'Unauthorized' }));
    switch (application.get('iotdps-operation-type')) {
      case 'iotdps-register':
        return await register(caller, claimOf(caller, link, device), body);
      case 'iotdps-get-operationstatus': {
        const operationId = application.get('iotdps-operation-id');
        return await poll(caller, claimOf(caller, link, device), typeof operationId === 'string' ? operationId : '');
      }
      default:
        return errorOf(caller, serviceFault('invalid', { reason: 'The operation is not known.' }));
    }
  } catch (error) {
    parts.log.error('request-failed', { error: nameOf(error) });
    return amqpErrorOf(internalError(parts), parts.retryAfterS);
  }
}

function claimOf({ connection, authorization }: Caller, link: AmqpLink, device: DeviceAddress): DeviceClaim {
  const apiVersion = link.properties.get('com.microsoft:api-version');
  return {
    ...device,
    body: {},
    authorization,
    certificates: connection.peer.certificates,
    apiVersion: typeof apiVersion === 'string' ? apiVersion : undefined,
    source: connection.peer.remoteAddress,
  };
}

async function register(caller: Caller, claim: DeviceClaim, body: AmqpBody): Promise<Answer | AmqpError> {
  const registration = registrationIn(contentOf(body));
  if (!registration.ok) return errorOf(caller, registration.fault);
  const answer = await caller.parts.registrations.register({ ...claim, body: registration.value });
  if (!answer.ok) return errorOf(caller, answer.fault);
  // A challenge is opened within SASL; here it is too late for one.
  if (answer.value.is === 'challenge') return errorOf(caller, serviceFault('unauthorized', { reason: 'Unauthorized' }));
  return answer.value.operation;
}

async function poll(caller: Caller, claim: DeviceClaim, operationId: string): Promise<Answer | AmqpError> {
  const operation = await caller.parts.registrations.poll(claim, operationId);
  return operation.ok ? operation.value : errorOf(caller, operation.fault);
}

/** Of a value its text alone; what else it may hold is passed over (dps-wire 3.2). */
function contentOf(body: AmqpBody): Uint8Array | string {
  if (body.is === 'data') return body.bytes;
  return body.is === 'value' && typeof body.value === 'string' ? body.value : '';
}
