/** What a hub does with AMQP connections (dps-wire 10.4): who they speak for, and which links they may have. */
import { inBackground } from '../lib/base/background.ts';
import { fromUtf8 } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import { createAmqpAcceptor } from '../lib/listen/amqp-acceptor.ts';
import type {
  AmqpAcceptor,
  AmqpAttach,
  AmqpConnection,
  AmqpDelivery,
  AmqpError,
  AmqpHandlers,
  AmqpLink,
  AmqpMessage,
  SaslExchange,
  SaslStep,
} from '../lib/listen/amqp.ts';
import { createAmqpReplies, type AmqpReplies } from '../lib/listen/amqp-replies.ts';
import type { TlsPeer } from '../lib/listen/tls-peer.ts';
import { maxTlsConnections } from '../lib/listen/tls-server.ts';
import { deviceOfMessageAddress, parseLinkAddress, type LinkAddress } from './amqp-address.ts';
import { claimAnswer, claimOf, putToken, type Claim, type PutToken, type ClaimParts } from './amqp-claims.ts';
import { notTaken, openAmqpDevice, type AmqpDevice } from './amqp-device.ts';
import { amqpErrorOf, unauthorized } from './amqp-fault.ts';
import { hubFault, notAdmitted } from './hub-fault.ts';
import { cloudFormOf } from './amqp-message-form.ts';
import { maxTelemetryBytes, type DeviceDesk } from './device-desk.ts';
import type { FaultSwitch } from './fault-switch.ts';
import { watchEnd } from './token-end.ts';

export interface AmqpProtocolParts extends ClaimParts {
  readonly desk: DeviceDesk;
  readonly faults: FaultSwitch;
  readonly clock: Clock;
  readonly log: Log;
}

export const maxAmqpFrameBytes = 65_536;
const limits = {
  // Devices come by two listeners, 5671 and the WebSockets of 443, each with its own bound.
  maxConnections: 2 * maxTlsConnections,
  maxFrameBytes: maxAmqpFrameBytes,
  // IoT Hub's 256 kB, its properties, and the frames that it comes in.
  maxMessageBytes: maxTelemetryBytes + 131_072,
  // Two SDKs let several devices share a connection, each with a session of its own.
  maxSessions: 16,
  maxLinks: 32,
  credit: 100,
  idleTimeoutMs: 120_000,
};
const maxDevices = limits.maxSessions;
// A connection that speaks for nobody by then is no device: SDKs put their token within a second.
const claimTimeoutMs = 60_000;

/** One connection and whom it speaks for. */
interface Caller {
  readonly parts: AmqpProtocolParts;
  readonly connection: AmqpConnection;
  readonly links: Map<AmqpLink, { readonly address: LinkAddress; readonly device: AmqpDevice | undefined }>;
  readonly devices: Map<string, { readonly device: AmqpDevice; readonly leave: () => void; stopWatch: () => void }>;
  /** To claims. */
  readonly replies: AmqpReplies;
  stopService: (() => void) | undefined;
  /** Why it gets nothing, when the hub refuses on purpose. */
  readonly refusal: AmqpError | undefined;
}

/** Undefined: claims follow, or a certificate speaks. */
type Who = { readonly claim: Claim | undefined };

export function createHubAmqp(parts: AmqpProtocolParts): Readonly<AmqpAcceptor> {
  const accepted = (): SaslStep<Who> => ({ is: 'accepted', who: { claim: undefined } });
  const refused = (): SaslStep<Who> => ({ is: 'refused' });
  const empty = (): SaslExchange<Who> => ({ start: accepted, step: refused });
  const refusals = new WeakMap<TlsPeer, AmqpError>();
  const acceptor = createAmqpAcceptor<Who>(
    {
      // dps-wire 10.4: C and J say nothing here and put a claim later
      mechanisms: new Map<string, (peer: TlsPeer) => SaslExchange<Who>>([
        ['MSSBCBS', empty],
        ['ANONYMOUS', empty],
        ['PLAIN', (peer) => ({ start: (initial: Uint8Array) => plain(parts, peer, initial), step: refused })],
        ['EXTERNAL', (peer) => ({ start: peer.certificates.length > 0 ? accepted : refused, step: refused })],
      ]),
      bare: () => ({ claim: undefined }),
      connected(connection, { claim }) {
        const refusal = refusals.get(connection.peer);
        const caller: Caller = {
          parts,
          connection,
          links: new Map(),
          devices: new Map(),
          replies: createAmqpReplies(),
          stopService: undefined,
          refusal,
        };
        if (claim !== undefined && refusal === undefined) grant(caller, claim);
        return handlersOf(caller);
      },
    },
    { clock: parts.clock, log: parts.log, limits },
  );
  return Object.freeze<AmqpAcceptor>({
    ...acceptor,
    get size() {
      return acceptor.size;
    },
    accept(stream, peer) {
      // a reset meanwhile is an end like any other
      stream.on('error', () => undefined);
      if (parts.faults.endsConnection()) {
        stream.destroy();
        return;
      }
      const enter = async (): Promise<void> => {
        const strike = await parts.faults.strike();
        if (strike.is === 'down') stream.destroy();
        else acceptor.accept(stream, struck(refusals, peer, strike.is));
      };
      inBackground(parts.log, 'amqp-not-entered', enter, () => {
        stream.destroy();
      });
    },
  });
}

/** A peer of its own for this connection, with what it meets. */
function struck(
  refusals: WeakMap<TlsPeer, AmqpError>,
  peer: TlsPeer,
  strike: 'none' | 'throttled' | 'refusing',
): TlsPeer {
  if (strike === 'none') return peer;
  const own = { ...peer };
  refusals.set(own, strike === 'refusing' ? unauthorized : amqpErrorOf(hubFault('ThrottlingException')));
  return own;
}

/** `{deviceId}@sas.{hub}` or `{policy}@sas.root.{hub}` with the token: the token itself says for whom it is. */
function plain(parts: AmqpProtocolParts, { remoteAddress }: TlsPeer, initial: Uint8Array): SaslStep<Who> {
  const [, name = '', token = ''] = fromUtf8(initial)?.split('\0') ?? [];
  if (!/@sas\./i.test(name)) return { is: 'refused' };
  const claim = claimOf(parts, remoteAddress, token);
  if (claim.is === 'throttled') return { is: 'unavailable' };
  return claim.is === 'refused' ? claim : { is: 'accepted', who: { claim } };
}

function handlersOf(caller: Caller): AmqpHandlers {
  const { parts, connection, links, devices } = caller;
  const stopTimer = parts.clock.after(claimTimeoutMs, () => {
    if (devices.size === 0 && caller.stopService === undefined) connection.close(unauthorized);
  });
  return {
    attaching: (link) => attach(caller, link),
    received: (link, message, delivery) => receive(caller, link, message, delivery),
    sendable(link) {
      caller.replies.sendable(link);
      links.get(link)?.device?.sendable(link);
    },
    detached(link) {
      caller.replies.forget(link);
      links.get(link)?.device?.detached(link);
      links.delete(link);
    },
    closed() {
      stopTimer();
      caller.stopService?.();
      for (const deviceId of [...devices.keys()]) drop(caller, deviceId);
      links.clear();
    },
  };
}

// ---- links

const directions: Readonly<Record<LinkAddress['is'], readonly AmqpLink['direction'][]>> = {
  claims: ['in', 'out'],
  'service-messages': ['in'],
  telemetry: ['in'],
  messages: ['out'],
  methods: ['in', 'out'],
  twin: ['in', 'out'],
};

function attach(caller: Caller, link: AmqpLink): AmqpAttach {
  if (caller.refusal !== undefined) return { is: 'refused', error: caller.refusal };
  const address = parseLinkAddress(link.address);
  if (address === undefined || !directions[address.is].includes(link.direction)) {
    const description = `There is no ${link.direction === 'in' ? 'target' : 'source'} '${link.address.slice(0, 256)}'.`;
    return { is: 'refused', error: { condition: 'amqp:not-found', description } };
  }
  const owner = ownerOf(caller, address);
  if (owner !== undefined && 'condition' in owner) return { is: 'refused', error: owner };
  caller.links.set(link, { address, device: owner });
  if ('deviceId' in address) owner?.attached(link, address.is);
  return { is: 'accepted' };
}

/** The device whose link it would be, undefined for one of the connection's own; or why it is none. */
function ownerOf(caller: Caller, address: LinkAddress): AmqpDevice | AmqpError | undefined {
  if ('deviceId' in address) return deviceOf(caller, address.deviceId);
  return address.is === 'claims' || caller.stopService !== undefined ? undefined : unauthorized;
}

/** The one that a claim was put for; without claims the one that the certificate is of. */
function deviceOf(caller: Caller, deviceId: string): AmqpDevice | AmqpError {
  const known = caller.devices.get(deviceId);
  if (known !== undefined) return known.device;
  const { certificates, remoteAddress: source } = caller.connection.peer;
  const [certificate] = certificates;
  if (certificate === undefined) return unauthorized;
  const admitted = caller.parts.desk.admit(deviceId, { token: '', certificate, source });
  if (admitted.is !== 'admitted') return admitted.is === 'refused' ? unauthorized : amqpErrorOf(notAdmitted(admitted));
  grant(caller, { is: 'device', deviceId, endsAtMs: admitted.admission.endsAtMs });
  return caller.devices.get(deviceId)?.device ?? unauthorized;
}

// ---- claims

/** False when the connection speaks for as many devices as it may. */
function grant(caller: Caller, claim: Claim): boolean {
  const { parts, connection, devices } = caller;
  if (claim.is === 'service') {
    caller.stopService?.();
    caller.stopService = watchEnd(parts.clock, claim.endsAtMs, () => connection.close(unauthorized));
    return true;
  }
  const { deviceId, endsAtMs } = claim;
  const watch = () =>
    endsAtMs === undefined ? () => undefined : watchEnd(parts.clock, endsAtMs, () => over(caller, deviceId));
  const known = devices.get(deviceId);
  if (known !== undefined) {
    known.stopWatch();
    known.stopWatch = watch();
    return true;
  }
  if (devices.size >= maxDevices) return false;
  const { desk, log } = parts;
  const device = openAmqpDevice({ desk, log, close: (error) => connection.close(error) }, deviceId);
  const leave = desk.connections.opened(deviceId, {
    desiredChanged: (patch, version) => device.desiredChanged(patch, version),
    close: () => expel(caller, deviceId, ended),
  });
  devices.set(deviceId, { device, leave, stopWatch: watch() });
  log.info('device-connected', { deviceId, protocol: 'amqp' });
  return true;
}

// One SDK comes back after this one and not after `amqp:connection:forced`.
const ended: AmqpError = { condition: 'amqp:link:detach-forced', description: 'The hub has ended the connection.' };

function over(caller: Caller, deviceId: string): void {
  caller.parts.log.info('device-token-over', { deviceId });
  expel(caller, deviceId, unauthorized);
}

/**
 * The device goes; the last one takes the connection with it. Then its links are not detached one by one before: one SDK
 * would answer each and wait 45 s for what never comes.
 */
function expel(caller: Caller, deviceId: string, error: AmqpError): void {
  const isLast = caller.devices.size === 1 && caller.devices.has(deviceId) && caller.stopService === undefined;
  drop(caller, deviceId, isLast ? undefined : error);
  if (isLast) caller.connection.close(error);
}

function drop({ parts, devices, links }: Caller, deviceId: string, error?: AmqpError): void {
  const known = devices.get(deviceId);
  if (known === undefined) return;
  devices.delete(deviceId);
  // What the client still sends by the credit that it has is of nobody: it need not have heard of the detach yet.
  for (const [link, { device }] of links) if (device === known.device) links.delete(link);
  known.stopWatch();
  known.device.end(error);
  known.leave();
  parts.log.info('device-disconnected', { deviceId, protocol: 'amqp' });
}

// ---- messages

function receive(caller: Caller, link: AmqpLink, message: AmqpMessage, delivery: AmqpDelivery): void {
  const known = caller.links.get(link);
  switch (known?.address.is) {
    case undefined:
      return;
    case 'claims':
      takeClaim(caller, message, delivery);
      return;
    case 'service-messages':
      takeCloudMessage(caller, message, delivery);
      return;
    default:
      known?.device?.received(link, known.address.is, message, delivery);
  }
}

const full: PutToken = { is: 'refused', status: 403, why: `A connection carries ${maxDevices} devices at the most.` };

function takeClaim(caller: Caller, message: AmqpMessage, delivery: AmqpDelivery): void {
  const put = putToken(caller.parts, caller.connection.peer.remoteAddress, message);
  const answer = put.is === 'granted' && !grant(caller, put.claim) ? full : put;
  delivery.accept();
  const [reply] =
    [...caller.links].find(([one, { address }]) => address.is === 'claims' && one.direction === 'out') ?? [];
  if (reply !== undefined && !caller.replies.send(reply, claimAnswer(message, answer)))
    caller.connection.close(notTaken);
}

/** dps-wire 10.4: a service names the device in `to`. */
function takeCloudMessage({ parts }: Caller, message: AmqpMessage, delivery: AmqpDelivery): void {
  const to = message.properties.get('to');
  const deviceId = typeof to === 'string' ? deviceOfMessageAddress(to) : undefined;
  if (deviceId === undefined) {
    delivery.reject({ condition: 'com.microsoft:argument-error', description: 'The message names no device.' });
    return;
  }
  const kept = parts.desk.cloudMessages.enqueue(deviceId, cloudFormOf(message));
  if (kept.ok) delivery.accept();
  else delivery.reject(amqpErrorOf(kept.fault));
}
