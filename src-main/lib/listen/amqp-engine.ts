/** The owner of rhea: one connection after its login, from frames to links and messages and back. */
import { EventEmitter } from 'node:events';
import { nameOf } from '../base/background.ts';
import type { Log } from '../base/log.ts';
import type {
  AmqpConnection,
  AmqpDelivery,
  AmqpError,
  AmqpHandlers,
  AmqpLimits,
  AmqpLink,
  AmqpOutcome,
} from './amqp.ts';
import { createAmqpGuard, type EngineView } from './amqp-guard.ts';
import { readBatch, sharedDelivery } from './amqp-batch.ts';
import { messageFrom, scalarsOf, typedNumbers } from './amqp-message.ts';
import {
  createRheaContainer,
  type RheaConnection,
  type RheaContext,
  type RheaDelivery,
  type RheaError,
  type RheaLink,
} from './amqp-rhea.ts';
import { createAmqpSending } from './amqp-sending.ts';
import type { AmqpWire } from './amqp-wire.ts';

export interface AmqpEngine {
  /** One whole frame, or the protocol header. */
  take(bytes: Buffer): void;
  close(error?: AmqpError): void;
  /** The wire has room again. */
  drained(): void;
  /** The wire is gone. */
  ended(): void;
  /** The client has said its open. */
  readonly isOpen: boolean;
}

export type EngineLimits = Omit<AmqpLimits, 'maxConnections'>;

// Deliveries of a session that are not settled: what the links together may have, and answers that nobody settles.
const sessionBuffer = 256;
// A client that asks for a sign of life more often than this would only cost us; a longer one does not fit a timer.
const idleBounds = { minMs: 2_000, maxMs: 2 ** 31 - 1 };

const container = createRheaContainer('benchline');

interface Engine {
  readonly limits: EngineLimits;
  readonly connection: RheaConnection;
  readonly wire: EngineParts['wire'];
  readonly handlers: AmqpHandlers;
  /** Of the message that is being handed on. */
  readonly ids: () => Ids;
  readonly links: WeakMap<RheaLink, Link>;
  readonly outcomes: WeakMap<RheaDelivery, (outcome: AmqpOutcome) => void>;
  /** Links that were found without room. */
  readonly short: Set<AmqpLink>;
  readonly view: AmqpConnection;
  isEnding: boolean;
}

interface Link {
  readonly rhea: RheaLink;
  readonly view: AmqpLink;
  /** Settled messages whose credit was not given back yet. */
  owed: number;
}

export interface EngineParts {
  readonly limits: EngineLimits;
  readonly log: Log;
  readonly wire: Pick<AmqpWire, 'write' | 'end' | 'unsentBytes'>;
  readonly connected: (close: (error?: AmqpError) => void) => { readonly view: AmqpConnection; readonly handlers: AmqpHandlers }; // prettier-ignore
}

export function createAmqpEngine({ limits, log, wire, connected }: EngineParts): AmqpEngine {
  const connection = container.create_connection(optionsFor(limits));
  const socket = Object.assign(new EventEmitter(), {
    write: (bytes: Buffer) => wire.write(bytes),
    end: () => wire.end(),
    get_id_string: () => 'device',
  });
  let isReady = false;
  let early: { readonly error: AmqpError | undefined } | undefined;
  const close = (error?: AmqpError): void => {
    // its program may refuse it before there is anything to close
    if (!isReady) early ??= { error };
    else if (!engine.isEnding) closeOrEnd(error);
  };
  const closeOrEnd = (error?: AmqpError): void => {
    try {
      closeWith(engine, wire, error);
    } catch (bug) {
      // What stopped the engine stops its farewell too: the connection ends without one.
      log.warn('amqp-close-failed', { error: bug instanceof Error ? bug.name : typeof bug });
      wire.end();
    }
  };
  const guard = createAmqpGuard(limits, viewOf(connection));
  const engine: Engine = {
    limits,
    connection,
    wire,
    ids: () => guard.ids,
    ...connected(close),
    links: new WeakMap(),
    outcomes: new WeakMap(),
    short: new Set(),
    isEnding: false,
  };
  engines.set(connection, engine);
  for (const event of ['protocol_error', 'error']) {
    connection.on(event, (error: Error) => {
      // what the guard has let through, or a bug of ours
      log.warn('amqp-connection-failed', { error: nameOf(error) });
      close({ condition: 'amqp:decode-error', description: 'What came cannot be understood.' });
    });
  }
  connection.accept(socket);
  isReady = true;
  if (early !== undefined) close(early.error);
  return {
    take(bytes) {
      if (engine.isEnding) return;
      const refusal = isHeader(bytes) ? undefined : guard.refuses(bytes);
      if (refusal !== undefined) {
        close(refusal);
        return;
      }
      socket.emit('data', bytes);
    },
    close,
    drained: () => drained(engine),
    ended() {
      engine.isEnding = true;
      // after what the engine still has to do in this turn, so that it starts no timer again
      setImmediate(() => socket.emit('end'));
    },
    get isOpen() {
      return connection.remote.open !== undefined;
    },
  };
}

function closeWith(engine: Engine, wire: Pick<AmqpWire, 'end'>, error: AmqpError | undefined): void {
  const { connection } = engine;
  engine.isEnding = true;
  // a close needs an open before it; the client need not have sent its own
  connection.open();
  const reason = error && rheaErrorOf(error);
  // one SDK takes the end of a session for the end of its links, and a close alone for a reason to wait 45 s
  for (const session of Object.values(connection.local_channel_map)) session?.end(reason);
  connection.close(reason);
  connection._process();
  if (error !== undefined) wire.end();
}

// 'AMQP' as a size would be a frame of a gigabyte: the cutter lets none through.
function isHeader(bytes: Buffer): boolean {
  return bytes.readUInt32BE(0) === 0x41_4d_51_50;
}

function optionsFor(limits: EngineLimits): Readonly<Record<string, unknown>> {
  return {
    disable_sasl: true,
    reconnect: false,
    max_frame_size: limits.maxFrameBytes,
    channel_max: limits.maxSessions - 1,
    idle_time_out: limits.idleTimeoutMs,
    session_buffer_size: sessionBuffer,
    receiver_options: { autoaccept: false, credit_window: 0, max_message_size: limits.maxMessageBytes },
    sender_options: {},
  };
}

function viewOf(connection: RheaConnection): EngineView {
  const linkAt = (channel: number, handle: number): RheaLink | undefined =>
    connection.remote_channel_map[channel]?.remote.handles[handle];
  return {
    isBegun: (channel) => connection.remote_channel_map[channel]?.state.remote_open === true,
    isAttached: (channel, handle) => linkAt(channel, handle)?.state.remote_open === true,
    receiver(channel, handle) {
      const link = linkAt(channel, handle);
      return link?.is_receiver() === true && link.state.remote_open ? link : undefined;
    },
  };
}

type Ids = ReturnType<typeof createAmqpGuard>['ids'];

// One set of listeners for all connections: the events of each come up to the container, with their connection.
const engines = new WeakMap<RheaConnection, Engine>();

function on(event: string, hear: (engine: Engine, context: RheaContext) => void): void {
  container.on(event, (context: RheaContext) => {
    const engine = engines.get(context.connection);
    if (engine !== undefined) hear(engine, context);
  });
}

for (const event of ['receiver_open', 'sender_open']) on(event, (engine, context) => attached(engine, linkOf(context)));
for (const event of ['receiver_close', 'sender_close']) {
  on(event, (engine, context) => detached(engine, linkOf(context)));
}
on('message', (engine, context) => {
  const link = context.receiver && engine.links.get(context.receiver);
  // a link that was refused has no credit; one that is being detached may still be sent on
  if (link !== undefined) received(engine, link, context);
});
for (const event of ['sendable', 'sender_draining']) {
  on(event, ({ links, handlers }, { sender }) => {
    const link = sender && links.get(sender);
    if (link !== undefined) handlers.sendable(link.view);
    if (event === 'sender_draining') sender?.set_drained(true);
  });
}
for (const outcome of ['accepted', 'rejected', 'released'] as const) {
  on(outcome, ({ outcomes }, { sender, delivery }) => {
    if (delivery === undefined) return;
    // section 2.6.12: a receiver that settles second waits for our settlement, and says nothing after it
    if (sender?.remote.attach.rcv_settle_mode === 1 && !delivery.remote_settled) {
      delivery.update(true);
      delivery.remote_settled = true;
    }
    decided(outcomes, delivery, outcome);
  });
}
// settled without a word: nothing says that it was taken
on('settled', ({ outcomes }, { sender, delivery }) => {
  if (sender !== undefined && delivery !== undefined) decided(outcomes, delivery, 'released');
});
// an end of the session is the end of its links, and the engine names none of them
on('session_close', (engine, { session }) => {
  for (const link of Object.values(session?.links ?? {})) detached(engine, link);
});
on('connection_open', ({ connection }) => {
  const { open } = connection.remote;
  const wanted = open?.idle_time_out ?? 0;
  if (open !== undefined && wanted > 0) open.idle_time_out = Math.min(Math.max(wanted, idleBounds.minMs), idleBounds.maxMs); // prettier-ignore
});
// heard, so that the engine neither prints them nor throws
const quietEvents = ['session_error', 'receiver_error', 'sender_error', 'connection_close', 'connection_error', 'disconnected']; // prettier-ignore
for (const event of quietEvents) container.on(event, () => undefined);

function drained({ short, handlers, isEnding }: Engine): void {
  const links = [...short];
  short.clear();
  for (const link of links) if (!isEnding && link.isOpen) handlers.sendable(link);
}

function decided(outcomes: Engine['outcomes'], delivery: RheaDelivery, outcome: AmqpOutcome): void {
  const hear = outcomes.get(delivery);
  outcomes.delete(delivery);
  hear?.(outcome);
}

// The format of a message whose data sections are messages: C sends its telemetry so.
const batchFormat = 0x80013700;

function received(engine: Engine, link: Link, { delivery, message, format }: RheaContext): void {
  if (delivery === undefined || message === undefined) return;
  const settle = deliveryOf(engine, link, delivery);
  if (!(message instanceof Uint8Array)) {
    engine.handlers.received(link.view, messageFrom(message, engine.ids()), settle);
    return;
  }
  const batch = format === batchFormat ? readBatch(message) : undefined;
  if (batch === undefined) {
    settle.reject({ condition: 'amqp:not-implemented', description: 'The message format is not known.' });
    return;
  }
  const shares = sharedDelivery(settle, batch.length);
  for (const [at, { ids: own, message: one }] of batch.entries()) {
    engine.handlers.received(link.view, messageFrom(one, own), shares[at] ?? settle);
  }
}

function linkOf({ receiver, sender }: RheaContext): RheaLink {
  const link = receiver ?? sender;
  if (link === undefined) throw new Error('a link event has its link');
  return link;
}

function attached(engine: Engine, rhea: RheaLink): void {
  answerAttach(engine, rhea);
  // The engine writes messages and dispositions before attaches of the same turn: for a client that sends all at once
  // (rule 22) the attach is answered before the next frame is read.
  engine.connection._process();
}

function answerAttach(engine: Engine, rhea: RheaLink): void {
  const { handlers, links, limits } = engine;
  const link: Link = { rhea, view: linkView(engine, rhea), owed: 0 };
  links.set(rhea, link);
  const decision = handlers.attaching(link.view);
  if (decision.is === 'refused') {
    links.delete(rhea);
    // section 2.6.3: a refused attach is answered without a terminus, then detached
    rhea.close(rheaErrorOf(decision.error));
    return;
  }
  const { source, target, snd_settle_mode: sending, rcv_settle_mode: receiving } = rhea.remote.attach;
  rhea.set_source({ address: source?.address ?? '' });
  rhea.set_target({ address: target?.address ?? '' });
  rhea.local.attach.snd_settle_mode = sending ?? null;
  if (rhea.is_receiver()) rhea.add_credit(limits.credit);
  else rhea.local.attach.rcv_settle_mode = receiving ?? null;
}

function detached({ links, handlers, short }: Engine, rhea: RheaLink): void {
  const link = links.get(rhea);
  links.delete(rhea);
  if (link === undefined) return;
  short.delete(link.view);
  handlers.detached(link.view);
}

function linkView(engine: Engine, rhea: RheaLink): AmqpLink {
  const receives = rhea.is_receiver();
  const { source, target, properties } = rhea.remote.attach;
  const sending = receives ? undefined : createAmqpSending(engine, rhea);
  const view = Object.freeze<AmqpLink>({
    direction: receives ? 'in' : 'out',
    address: (receives ? target : source)?.address ?? '',
    name: rhea.name,
    properties: scalarsOf(properties),
    get isOpen() {
      return rhea.is_open();
    },
    get credit() {
      return sending?.credit() ?? rhea.credit;
    },
    get hasRoom() {
      const has = sending?.hasRoom() ?? false;
      if (!has && !receives) engine.short.add(view);
      return has;
    },
    send: (message, settled) => sending?.send(message, settled) ?? false,
    detach(error) {
      rhea.close(error && rheaErrorOf(error));
    },
  });
  return view;
}

function deliveryOf(engine: Engine, link: Link, delivery: RheaDelivery): AmqpDelivery {
  let isSettled = false;
  const settle = (how: () => void): void => {
    if (isSettled || engine.isEnding) return;
    isSettled = true;
    how();
    giveCredit(engine, link);
    // the engine writes transfers before dispositions: this one shall go first (dps-wire 3.2)
    engine.connection._process();
  };
  return Object.freeze<AmqpDelivery>({
    accept: () => settle(() => delivery.accept()),
    reject: (error) => settle(() => delivery.reject(rheaErrorOf(error))),
  });
}

function giveCredit({ limits }: Engine, link: Link): void {
  link.owed += 1;
  // in parts, so that most connections need no flow frame at all
  if (link.owed < limits.credit / 2) return;
  link.rhea.add_credit(link.owed);
  link.owed = 0;
}

function rheaErrorOf({ condition, description, info }: AmqpError): RheaError {
  return { condition, description, ...(info === undefined ? {} : { info: typedNumbers(info) }) };
}
