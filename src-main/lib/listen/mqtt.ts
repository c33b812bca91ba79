/** MQTT connections as the programs see them: what a client said, what its server decides, and no broker. */
import type { Duplex } from 'node:stream';

export interface MqttFilter {
  readonly filter: string;
  readonly qos: 0 | 1;
}

export interface MqttMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
}

/** What a CONNECT said, and what its listener knows of the other side. */
export interface MqttConnect<Peer> {
  readonly clientId: string;
  readonly userName: string;
  readonly password: Uint8Array;
  readonly clean: boolean;
  readonly peer: Peer;
}

/** The names of MQTT 3.1.1 table 3.1; on acceptance of a kept session, what it is subscribed to since earlier. */
export type MqttDecision =
  | { readonly is: 'accepted'; readonly subscriptions?: readonly MqttFilter[] }
  | { readonly is: 'identifier-rejected' | 'unavailable' | 'bad-credentials' | 'not-authorized' };

export interface MqttConnection<Peer> {
  readonly clientId: string;
  readonly clean: boolean;
  readonly peer: Peer;
  /** What it is subscribed to now. */
  readonly filters: ReadonlyMap<string, 0 | 1>;
  /**
   * Straight to this client, whatever it is subscribed to; a client that has left misses it. With QoS 1 `acknowledged`
   * is called at its PUBACK, and never when the connection ends first: who sent it keeps it until then.
   */
  send(
    message: { readonly topic: string; readonly payload: Uint8Array; readonly qos: 0 | 1 },
    acknowledged?: () => void,
  ): void;
  close(): void;
}

export interface MqttHooks<Peer> {
  connecting(connect: MqttConnect<Peer>): MqttDecision | Promise<MqttDecision>;
  /** At most one connection a client id: an older one has been closed. */
  connected(connection: MqttConnection<Peer>): void;
  disconnected(connection: MqttConnection<Peer>): void;
  /** The CONNACK has gone out: what is sent from here follows it. */
  ready?(connection: MqttConnection<Peer>): void;
  /** False ends the connection, as IoT Hub does with what it does not take. */
  mayPublish(connection: MqttConnection<Peer>, message: MqttMessage): boolean;
  /** After the PUBACK has gone out: an answer sent from here follows it. */
  published(connection: MqttConnection<Peer>, message: MqttMessage): void;
  /** Asked before the SUBACK goes out; false refuses this filter alone. */
  maySubscribe(connection: MqttConnection<Peer>, wanted: MqttFilter): boolean;
  /** The SUBACK has gone out; a session that is restored says it by `ready` alone. */
  subscribed?(connection: MqttConnection<Peer>): void;
  /** The client's own wish, not the end of its connection. */
  unsubscribed(connection: MqttConnection<Peer>, filters: readonly string[]): void;
}

export interface MqttLimits {
  readonly maxPacketBytes: number;
  readonly maxConnections: number;
  /**
   * `always`: no session is kept and session-present is 0, whatever the client asks (dps-wire section 11, rule 12); a
   * will is passed over with the session it belongs to.
   */
  readonly cleanSession: 'as-asked' | 'always';
  /** From the start of a connection to the end of its CONNECT; 20 s when left out. */
  readonly connectMs?: number;
}

export interface MqttBroker<Peer> {
  /** Takes over a connected stream whose first bytes are MQTT. */
  handle(stream: Duplex, peer: Peer): void;
  connection(clientId: string): MqttConnection<Peer> | undefined;
  /** Drops what is kept of a session. */
  forget(clientId: string): Promise<void>;
  close(): Promise<void>;
}
