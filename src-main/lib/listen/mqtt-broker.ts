/** The owner of aedes: one MQTT 3.1.1 broker for one kind of device connection, decided by its caller's hooks. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import {
  Aedes,
  type AedesOptions,
  type AuthenticateError,
  type Client,
  type PublishPacket,
  type Subscription,
} from 'aedes';
import { inBackground, nameOf } from '../base/background.ts';
import type { Log } from '../base/log.ts';
import { createUnacknowledged, keepNoOutgoing, type Unacknowledged } from './mqtt-outgoing.ts';
import { createMqttSizeGuard } from './mqtt-size-guard.ts';
import type {
  MqttBroker,
  MqttConnection,
  MqttDecision,
  MqttFilter,
  MqttHooks,
  MqttLimits,
  MqttMessage,
} from './mqtt.ts';

/** aedes has it and does not declare it. */
interface KeptSessions {
  addSubscriptions(client: { id: string }, subscriptions: readonly { topic: string; qos: number }[]): Promise<unknown>;
  cleanSubscriptions(client: { id: string }): Promise<unknown>;
}

interface Link<Peer> {
  readonly client: Client;
  readonly peer: Peer;
  readonly filters: Map<string, 0 | 1>;
  readonly unacknowledged: Unacknowledged;
  /** Of what it was sent. */
  unreadBytes: number;
  closed: boolean;
  connection: MqttConnection<Peer> | undefined;
}

interface BrokerState<Peer> {
  readonly hooks: MqttHooks<Peer>;
  readonly limits: MqttLimits;
  readonly log: Log;
  readonly links: WeakMap<Client, Link<Peer>>;
  /** The one connection of each client id. */
  readonly live: Map<string, Link<Peer>>;
  /** Those too that have not said CONNECT yet. */
  readonly open: Set<Link<Peer>>;
  closing: boolean;
}

const returnCodes = { 'identifier-rejected': 2, unavailable: 3, 'bad-credentials': 4, 'not-authorized': 5 } as const;

// A client that reads nothing for this long is gone; its queue must not grow on.
const drainTimeoutMs = 30_000;
// What it may leave unread until then: some answers of the largest kind. It asked for each, or is told of changes.
const maxUnreadBytes = 1_048_576;
// A CONNECT is one packet; a peer that has not sent it by then is not a device.
const usualConnectMs = 20_000;
// A client id, a user name and a token of 2 kB with room; a will takes its place in the hubs' telemetry.
const maxConnectBytes = 16_384;
// Device ids have up to 128 characters, also in MQTT 3.1.
const maxClientIdLength = 128;

export async function createMqttBroker<Peer>(
  hooks: MqttHooks<Peer>,
  limits: MqttLimits,
  log: Log,
): Promise<Readonly<MqttBroker<Peer>>> {
  const state: BrokerState<Peer> = {
    hooks,
    limits,
    log,
    links: new WeakMap(),
    live: new Map(),
    open: new Set(),
    closing: false,
  };
  const kept = (): KeptSessions => (broker as unknown as { persistence: KeptSessions }).persistence;
  const broker: Aedes = await Aedes.createBroker(optionsFor(state, kept));
  keepNoOutgoing(broker);
  watch(state, broker);
  return Object.freeze<MqttBroker<Peer>>({
    handle(stream, peer) {
      if (state.closing || state.open.size >= limits.maxConnections) stream.destroy();
      else adopt(state, broker, stream, peer);
    },
    connection: (clientId) => state.live.get(clientId)?.connection,
    async forget(clientId) {
      await kept().cleanSubscriptions({ id: clientId });
    },
    async close() {
      state.closing = true;
      // its caller closes what `disconnected` writes to next: every end is told first
      const ends = [...state.open].map(({ client }) => once(client.conn, 'close'));
      for (const link of state.open) link.client.close();
      await Promise.all(ends);
      await new Promise<void>((resolve) => {
        broker.close(resolve);
      });
    },
  });
}

function optionsFor<Peer>(state: BrokerState<Peer>, kept: () => KeptSessions): AedesOptions {
  const { hooks, limits, links } = state;
  const connectionOf = (client: Client | null): MqttConnection<Peer> | undefined =>
    client === null ? undefined : links.get(client)?.connection;
  return {
    drainTimeout: drainTimeoutMs,
    connectTimeout: limits.connectMs ?? usualConnectMs,
    maxClientsIdLength: maxClientIdLength,
    preConnect(_client, packet, callback) {
      if (limits.cleanSession === 'always') {
        packet.clean = true;
        delete packet.will;
      }
      callback(null, true);
    },
    authenticate(client, userName, password, done) {
      const said = { userName: userName ?? '', password: password ?? Buffer.alloc(0) };
      const answer = async (): Promise<void> => {
        const decision = await decideSafely(state, links.get(client), said, kept);
        if (decision.is === 'accepted') done(null, true);
        else done(refusal(decision.is), false);
      };
      inBackground(state.log, 'login-not-answered', answer, () => {
        client.close();
      });
    },
    authorizePublish(client, packet, callback) {
      const connection = connectionOf(client);
      // IoT Hub keeps nothing as retained; aedes would keep it for ever
      packet.retain = false;
      const allowed = connection !== undefined && hooks.mayPublish(connection, messageOf(packet));
      callback(allowed ? null : new Error('publish refused'));
    },
    authorizeSubscribe(client, subscription, callback) {
      callback(null, subscribed(state, links.get(client), subscription) ? subscription : null);
    },
    published(packet, client: Client | null, callback) {
      const connection = connectionOf(client);
      if (connection !== undefined) hooks.published(connection, messageOf(packet));
      callback(null);
    },
  };
}

/** A bug of ours: the client is told to come again, and it is seen. */
async function decideSafely<Peer>(...asked: Parameters<typeof decide<Peer>>): Promise<MqttDecision> {
  try {
    return await decide(...asked);
  } catch (error) {
    asked[0].log.error('login-failed', { error: nameOf(error) });
    return { is: 'unavailable' };
  }
}

async function decide<Peer>(
  state: BrokerState<Peer>,
  link: Link<Peer> | undefined,
  said: { readonly userName: string; readonly password: Uint8Array },
  kept: () => KeptSessions,
): Promise<MqttDecision> {
  if (link === undefined || state.closing) return { is: 'unavailable' };
  const { id: clientId, clean } = link.client;
  link.connection = connectionOver(link);
  const decision = await state.hooks.connecting({ clientId, clean, ...said, peer: link.peer });
  if (decision.is === 'accepted' && !clean && decision.subscriptions !== undefined) {
    const subscriptions = decision.subscriptions.map(({ filter, qos }) => ({ topic: filter, qos }));
    await kept().addSubscriptions({ id: clientId }, subscriptions);
  }
  return decision;
}

function subscribed<Peer>(state: BrokerState<Peer>, link: Link<Peer> | undefined, asked: Subscription): boolean {
  if (link?.connection === undefined) return false;
  const wanted: MqttFilter = { filter: asked.topic, qos: asked.qos === 0 ? 0 : 1 };
  if (!state.hooks.maySubscribe(link.connection, wanted)) return false;
  link.filters.set(wanted.filter, wanted.qos);
  return true;
}

function watch<Peer>(state: BrokerState<Peer>, broker: Aedes): void {
  broker.on('client', (client) => {
    const link = state.links.get(client);
    if (link?.connection === undefined || link.closed) return;
    const older = state.live.get(client.id);
    state.live.set(client.id, link);
    older?.client.close();
    state.hooks.connected(link.connection);
  });
  broker.on('clientReady', (client) => {
    const connection = liveConnection(state, client);
    if (connection !== undefined) state.hooks.ready?.(connection);
  });
  broker.on('subscribe', (_filters, client) => {
    const connection = liveConnection(state, client);
    if (connection !== undefined) state.hooks.subscribed?.(connection);
  });
  broker.on('ack', (_packet, client) => {
    state.links.get(client)?.unacknowledged.acknowledged();
  });
  broker.on('unsubscribe', (filters, client) => {
    const link = state.links.get(client);
    // at its end every connection is unsubscribed too; that is not the client's wish
    if (link?.connection === undefined || link.closed || client.closed) return;
    for (const filter of filters) link.filters.delete(filter);
    state.hooks.unsubscribed(link.connection, filters);
  });
}

/** Undefined for one that has been replaced or is not let in yet. */
function liveConnection<Peer>(state: BrokerState<Peer>, client: Client): MqttConnection<Peer> | undefined {
  const link = state.links.get(client);
  const connection = link?.connection;
  return connection !== undefined && state.live.get(connection.clientId) === link ? connection : undefined;
}

function adopt<Peer>(state: BrokerState<Peer>, broker: Aedes, stream: Duplex, peer: Peer): void {
  const client = broker.handle(stream);
  const own = { filters: new Map<string, 0 | 1>(), unacknowledged: createUnacknowledged() };
  const link: Link<Peer> = { client, peer, ...own, unreadBytes: 0, closed: false, connection: undefined };
  state.links.set(client, link);
  state.open.add(link);
  // not aedes' own event: it is not raised for a client that another one of the same id has replaced
  stream.once('close', () => {
    link.closed = true;
    state.open.delete(link);
    if (link.connection === undefined || state.live.get(link.connection.clientId) !== link) return;
    state.live.delete(link.connection.clientId);
    state.hooks.disconnected(link.connection);
  });
  const guard = createMqttSizeGuard(state.limits.maxPacketBytes, maxConnectBytes);
  // aedes reads by `readable`; then `data` only shows each chunk as it is read and does not start the flow
  stream.on('data', (chunk: Uint8Array) => {
    if (!guard.accepts(chunk)) stream.destroy();
  });
}

function connectionOver<Peer>(link: Link<Peer>): MqttConnection<Peer> {
  const { client, peer, filters } = link;
  return Object.freeze<MqttConnection<Peer>>({
    clientId: client.id,
    clean: client.clean,
    peer,
    filters,
    send({ topic, payload, qos }, acknowledged = () => undefined) {
      if (link.closed) return;
      const isUnread = link.unreadBytes > maxUnreadBytes;
      if (isUnread || (qos > 0 && !link.unacknowledged.sent(acknowledged))) {
        client.close();
        return;
      }
      const body = Buffer.from(payload);
      link.unreadBytes += body.length;
      const packet: PublishPacket = { cmd: 'publish', topic, payload: body, qos, retain: false, dup: false };
      // called back when the stream has taken it; a failed write ends the connection by aedes' own hand
      client.publish(packet, () => {
        link.unreadBytes -= body.length;
      });
    },
    close() {
      client.close();
    },
  });
}

function refusal(why: keyof typeof returnCodes): AuthenticateError {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- aedes declares these numbers as a const enum, which erasable syntax cannot name
  return Object.assign(new Error(`connection refused: ${why}`), { returnCode: returnCodes[why] });
}

function messageOf(packet: PublishPacket): MqttMessage {
  const { topic, payload, qos } = packet;
  return { topic, payload: typeof payload === 'string' ? Buffer.from(payload) : payload, qos };
}
