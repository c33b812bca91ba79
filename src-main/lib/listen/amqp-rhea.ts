/** What is used of rhea, with types of our own: its declarations leave open what matters here. */
import type { EventEmitter } from 'node:events';
import rhea from 'rhea';

/** A value with its AMQP type. */
export interface RheaTyped {
  readonly value: unknown;
}

export interface RheaError {
  readonly condition: string;
  readonly description: string;
  readonly info?: Readonly<Record<string, RheaTyped>>;
}

export interface RheaTerminus {
  readonly address?: string | null;
}

export interface RheaDelivery {
  readonly id: number;
  /** What is to be sent, in pieces; not looked at again once it has been. */
  data: readonly Buffer[];
  remote_settled: boolean;
  accept(): void;
  reject(error: RheaError): void;
  update(settled: boolean): void;
}

export interface RheaLink extends EventEmitter {
  readonly name: string;
  readonly session: RheaSession;
  readonly connection: RheaConnection;
  credit: number;
  readonly state: { readonly remote_open: boolean };
  readonly local: { readonly attach: { snd_settle_mode?: number | null; rcv_settle_mode?: number | null } };
  readonly remote: {
    readonly attach: {
      readonly source: RheaTerminus | null;
      readonly target: RheaTerminus | null;
      readonly snd_settle_mode?: number | null;
      readonly rcv_settle_mode?: number | null;
      readonly properties?: Readonly<Record<string, unknown>> | null;
    };
  };
  is_receiver(): boolean;
  is_open(): boolean;
  set_source(terminus: { readonly address: string }): void;
  set_target(terminus: { readonly address: string }): void;
  close(error?: RheaError): void;
  /** Of one we receive on. */
  add_credit(count: number): void;
  /** Of one we send on. */
  send(message: RheaMessage): RheaDelivery;
  set_drained(drained: boolean): void;
}

export interface RheaSession {
  readonly state: { readonly remote_open: boolean };
  readonly remote: { readonly handles: Readonly<Record<number, RheaLink | undefined>> };
  /** Deliveries from `next_pending_delivery` on wait for credit or for the session's window. */
  readonly outgoing: { available(): number; readonly next_pending_delivery: number };
  readonly links: Readonly<Record<string, RheaLink>>;
  end(error?: RheaError): void;
}

export type RheaMessage = Readonly<Record<string, unknown>>;

export interface RheaConnection extends EventEmitter {
  readonly remote: { readonly open?: { idle_time_out?: number | null } };
  readonly local_channel_map: Readonly<Record<number, RheaSession | undefined>>;
  readonly remote_channel_map: Readonly<Record<number, RheaSession | undefined>>;
  accept(socket: EventEmitter): void;
  open(): void;
  close(error?: RheaError): void;
  /** Writes what is due now instead of on the next tick. */
  _process(): void;
}

export interface RheaContext {
  readonly connection: RheaConnection;
  readonly receiver?: RheaLink;
  readonly sender?: RheaLink;
  readonly session?: RheaSession;
  readonly delivery?: RheaDelivery;
  /** Bytes when its format is another than that of AMQP's own messages. */
  readonly message?: RheaMessage | Uint8Array;
  readonly format?: number;
}

interface RheaTypes {
  wrap_string(text: string): RheaTyped;
  wrap_symbol(text: string): RheaTyped;
  wrap_int(value: number): RheaTyped;
  wrap_ulong(bytes: Buffer): RheaTyped;
  wrap_uuid(bytes: Buffer): RheaTyped;
  wrap_binary(bytes: Buffer): RheaTyped;
  wrap_timestamp(ms: number): RheaTyped;
}

interface RheaContainer extends EventEmitter {
  create_connection(options: Readonly<Record<string, unknown>>): RheaConnection;
}

interface Rhea {
  create_container(options: { readonly id: string }): RheaContainer;
  readonly types: RheaTypes;
  readonly message: { data_section(bytes: Buffer): unknown; decode(bytes: Buffer): RheaMessage };
}

const { types, message } = rhea as unknown as Rhea;
export const rheaTypes: RheaTypes = types;
export const dataSection = (bytes: Buffer): unknown => message.data_section(bytes);
/** Of bytes that the scan has passed. */
export const decodeMessage = (bytes: Buffer): RheaMessage => message.decode(bytes);

export function createRheaContainer(id: string): RheaContainer {
  const container = (rhea as unknown as Rhea).create_container({ id });
  // an event nobody listens to ends here and not as an exception
  container.on('error', () => undefined);
  return container;
}
