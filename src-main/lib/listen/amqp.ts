/** AMQP 1.0 connections as the programs see them: who logs in, which links there are, what is said on them; no engine. */
import type { Duplex } from 'node:stream';
import type { TlsPeer } from './tls-peer.ts';

/** A condition is a symbol such as `amqp:not-found`; `info` carries whole numbers as AMQP int. */
export interface AmqpError {
  readonly condition: string;
  readonly description: string;
  readonly info?: Readonly<Record<string, number>>;
}

/** A message id or correlation id with its AMQP type, so that an echo is the same bytes (dps-wire 11, rule 7). */
export interface AmqpId {
  readonly type: 'string' | 'uuid' | 'ulong' | 'binary';
  /** A uuid in its usual spelling, a ulong in decimal, binary in hexadecimal. */
  readonly text: string;
}

/** What maps hold; other types (lists, described ones) are left out when a message is read. */
export type AmqpScalar = string | number | boolean | Uint8Array;

export type AmqpBody =
  | { readonly is: 'none' }
  /** All data sections, joined. */
  | { readonly is: 'data'; readonly bytes: Uint8Array }
  | { readonly is: 'value'; readonly value: AmqpScalar | undefined };

export interface AmqpMessage {
  readonly messageId: AmqpId | undefined;
  readonly correlationId: AmqpId | undefined;
  /** The other members of the properties section that are text or a number (a timestamp in milliseconds). */
  readonly properties: ReadonlyMap<string, AmqpScalar>;
  readonly annotations: ReadonlyMap<string, AmqpScalar>;
  readonly application: ReadonlyMap<string, AmqpScalar>;
  readonly body: AmqpBody;
}

/** A number goes out as AMQP int: some clients take nothing else (dps-wire 3.2). */
export type AmqpOutgoingMap = Readonly<Record<string, string | number | boolean>>;

export interface AmqpOutgoing {
  readonly messageId?: AmqpId | undefined;
  readonly correlationId?: AmqpId | undefined;
  readonly to?: string;
  readonly userId?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly expiresAtMs?: number;
  readonly annotations?: AmqpOutgoingMap;
  readonly application?: AmqpOutgoingMap;
  /** Goes out as one data section; without it the body is an empty value. */
  readonly data?: Uint8Array;
}

export type AmqpOutcome = 'accepted' | 'rejected' | 'released';

/** A message that came in: settled once, and only then is there credit for another one. */
export interface AmqpDelivery {
  /** On the wire when this returns: an answer that is sent next follows it. */
  accept(): void;
  reject(error: AmqpError): void;
}

export interface AmqpLink {
  /** From our side: messages come in on it, or go out. */
  readonly direction: 'in' | 'out';
  /** Of the terminus that is on our side; empty when the client named none. */
  readonly address: string;
  readonly name: string;
  readonly properties: ReadonlyMap<string, AmqpScalar>;
  readonly isOpen: boolean;
  /**
   * False when it is closed, without credit, or has too much unsent or unsettled: then nothing is sent, now or later.
   * `settled` hears the client's word once, if it gives one.
   */
  send(message: AmqpOutgoing, settled?: (outcome: AmqpOutcome) => void): boolean;
  /** How many messages the client takes now. */
  readonly credit: number;
  /** What was sent before has gone. Who can wait sends only then: `sendable` is called when it has. */
  readonly hasRoom: boolean;
  detach(error?: AmqpError): void;
}

export type AmqpAttach = { readonly is: 'accepted' } | { readonly is: 'refused'; readonly error: AmqpError };

export interface AmqpConnection {
  readonly peer: TlsPeer;
  close(error?: AmqpError): void;
}

/** One connection's side of its program. */
export interface AmqpHandlers {
  attaching(link: AmqpLink): AmqpAttach;
  received(link: AmqpLink, message: AmqpMessage, delivery: AmqpDelivery): void;
  /** There is credit to send by, or room again. */
  sendable(link: AmqpLink): void;
  /** By the client's word; not called for the links that end with their connection. */
  detached(link: AmqpLink): void;
  /** Exactly once, however it ended. */
  closed(): void;
}

export type SaslStep<Who> =
  | { readonly is: 'challenge'; readonly bytes: Uint8Array }
  | { readonly is: 'accepted'; readonly who: Who }
  | { readonly is: 'refused' }
  /** Not the client's fault: it may come again. */
  | { readonly is: 'unavailable' };

/** One run of a mechanism for one connection. */
export interface SaslExchange<Who> {
  start(initial: Uint8Array): SaslStep<Who> | Promise<SaslStep<Who>>;
  step(response: Uint8Array): SaslStep<Who> | Promise<SaslStep<Who>>;
}

export interface AmqpProgram<Who> {
  /** Offered in this order: some clients take the first that they know (dps-wire 3.4). */
  readonly mechanisms: ReadonlyMap<string, (peer: TlsPeer) => SaslExchange<Who>>;
  /** Who a client is that speaks AMQP at once, without SASL; undefined refuses it. */
  bare(peer: TlsPeer): Who | undefined;
  connected(connection: AmqpConnection, who: Who): AmqpHandlers;
}

export interface AmqpLimits {
  readonly maxConnections: number;
  readonly maxFrameBytes: number;
  readonly maxMessageBytes: number;
  readonly maxSessions: number;
  readonly maxLinks: number;
  /** Messages on a link that are not settled yet. */
  readonly credit: number;
  /** Announced; a connection that is silent for twice as long is closed. */
  readonly idleTimeoutMs: number;
}

export interface AmqpAcceptor {
  /** Takes over a connected stream: its first eight bytes say whether SASL comes first. */
  accept(stream: Duplex, peer: TlsPeer): void;
  readonly size: number;
  close(): Promise<void>;
}
