/** AMQP clients of other languages, frame by frame: what each sends, in its order and spelling (dps-wire 3). */
import { createHmac } from 'node:crypto';
import { connect, type ConnectionOptions } from 'node:tls';
import {
  amqpHeader,
  attach,
  begin,
  credit,
  frame,
  frames,
  messages,
  open,
  rawAmqp,
  saslFrame,
  saslHeader,
  transfer,
  type RawAmqp,
} from '../../exams/amqp-raw.ts';
import { inOneHour } from '../service-bed.ts';

export interface Place {
  readonly host: string;
  readonly caPem: string;
  readonly port?: number;
}

export async function dial(place: Place, more: ConnectionOptions = {}): Promise<RawAmqp> {
  const socket = connect({ host: place.host, port: place.port ?? 5671, ca: place.caPem, ...more });
  const client = rawAmqp(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  return client;
}

/** `sr` as the client spells it; parameters as the SDK named orders them (dps-wire 1.7). */
export function sasToken(sr: string, key: Uint8Array, skn = '&skn=registration'): string {
  const se = inOneHour();
  const signature = createHmac('sha256', key).update(`${sr}\n${se}`).digest('base64');
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&se=${se}${skn}`;
}

export function saslInit(mechanism: string, initial: Uint8Array): Buffer {
  return saslFrame(frames.sasl_init({ mechanism, initial_response: Buffer.from(initial) }));
}

export const saslResponse = (...parts: readonly Uint8Array[]): Buffer =>
  saslFrame(frames.sasl_response({ response: Buffer.concat(parts) }));

export const zero = Uint8Array.of(0);

/** By PLAIN; gives the code of the outcome. */
export async function plainLogin(client: RawAmqp, name: string, token: string): Promise<unknown> {
  client.send(saslHeader);
  const offered = await client.until('mechanisms');
  // J and N take what they know from among these; PLAIN comes first
  if ((offered.fields['sasl_server_mechanisms'] as string[])[0] !== 'PLAIN')
    throw new Error('PLAIN is not offered first');
  client.send(saslInit('PLAIN', Buffer.from(`\0${name}\0${token}`)));
  return (await client.until('outcome')).fields['code'];
}

export interface Asked {
  readonly operation: 'iotdps-register' | 'iotdps-get-operationstatus' | (string & {});
  readonly operationId?: string;
  readonly correlationId?: unknown;
  /** A Buffer is one data section, a string a value, undefined neither. */
  readonly body?: Buffer | string;
}

export function request({ operation, operationId, correlationId, body }: Asked): Buffer {
  const message = {
    ...(correlationId === undefined ? {} : { correlation_id: correlationId }),
    application_properties: {
      'iotdps-operation-type': operation,
      ...(operationId === undefined ? {} : { 'iotdps-operation-id': operationId }),
      ...(operation === 'iotdps-register' ? { 'iotdps-forceRegistration': false } : {}),
    },
    body: Buffer.isBuffer(body) ? messages.data_section(body) : body,
  };
  const encoded = messages.encode(message);
  // rhea ends a message without a body in an empty value (00 53 77 40); J ends it after its properties
  return body === undefined ? encoded.subarray(0, encoded.length - 4) : encoded;
}

export interface Reply {
  readonly correlationId: unknown;
  readonly application: Readonly<Record<string, unknown>>;
  /** How many bytes of data there are; undefined when the body is no single data section. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly isOneDataSection: boolean;
}

function replyOf(payload: Buffer): Reply {
  const message = messages.decode(payload);
  const body = message['body'] as { typecode: number; multiple?: boolean; content: Buffer };
  return {
    correlationId: message['correlation_id'],
    application: (message['application_properties'] ?? {}) as Record<string, unknown>,
    json: JSON.parse(body.content.toString()) as Record<string, unknown>,
    isOneDataSection: body.typecode === 0x75 && body.multiple !== true,
  };
}

export interface Refusal {
  readonly condition: string;
  readonly error: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** What a device sends and how it takes the answers; the delivery ids count up. */
export class Conversation {
  readonly client: RawAmqp;
  #deliveryId = 0;

  constructor(client: RawAmqp) {
    this.client = client;
  }

  /** The order of what came back is part of it: the disposition, then the answer. */
  async ask(asked: Asked): Promise<Reply | Refusal> {
    const id = this.#deliveryId;
    this.#deliveryId += 1;
    this.client.send(transfer(1, id, request(asked)));
    const disposition = await this.client.next('flow');
    if (disposition.is !== 'disposition' || !('fields' in disposition)) throw new Error(`${disposition.is} came first`);
    const refusal = refusalOf(disposition.fields['state']);
    if (refusal !== undefined) return refusal;
    const { fields, payload } = await this.client.until('transfer');
    const accepted = {
      role: true,
      first: fields['delivery_id'],
      settled: true,
      state: messages.accepted().described(),
    };
    this.client.send(frame(frames.disposition(accepted)));
    return replyOf(payload!);
  }

  async register(asked: Omit<Asked, 'operation'>, poll: Omit<Asked, 'operation'>): Promise<readonly Reply[]> {
    const replies: Reply[] = [];
    let next = await this.ask({ operation: 'iotdps-register', ...asked });
    for (;;) {
      if ('condition' in next) throw new Error(`refused: ${next.condition} ${next.text}`);
      replies.push(next);
      if (next.json['status'] !== 'assigning') return replies;
      const operationId = next.json['operationId'] as string;
      next = await this.ask({ operation: 'iotdps-get-operationstatus', operationId, ...poll });
    }
  }
}

interface DescribedState {
  readonly descriptor: { readonly value: number };
  readonly value: readonly { readonly value: readonly { readonly value: unknown }[] }[];
}

function refusalOf(state: unknown): Refusal | undefined {
  const { descriptor, value } = state as DescribedState;
  if (descriptor.value !== 0x25) return undefined;
  const [condition, description] = value[0]!.value.map((one) => one.value) as [string, string];
  const error = description.startsWith('{') ? (JSON.parse(description) as Record<string, unknown>) : {};
  return { condition, error, text: JSON.stringify(value[0]) };
}

/** Opens everything step by step, as C# and C do: the receiver first. */
export async function openLinks(
  client: RawAmqp,
  address: string,
  names = ['recv', 'send'],
  apiVersion = '2019-03-31',
): Promise<Conversation> {
  client.send(amqpHeader);
  await client.next();
  client.send(open());
  await client.until('open');
  client.send(begin());
  await client.until('begin');
  client.send(attach({ name: names[0]!, handle: 0, sends: false, address }));
  await client.until('attach');
  const more = { properties: { ...versions.properties, 'com.microsoft:api-version': apiVersion } };
  client.send(credit(0, 100), attach({ name: names[1]!, handle: 1, sends: true, address, more }));
  await client.until('attach');
  const { fields } = await client.until('flow');
  if (Number(fields['link_credit']) < 10) throw new Error('there is too little credit');
  return new Conversation(client);
}

const versions = {
  properties: { 'com.microsoft:api-version': '2019-03-31', 'com.microsoft:client-version': 'script' },
};

/** All at once, before anything came back, as J does. */
export async function openPipelined(client: RawAmqp, address: string, hostname: string): Promise<Conversation> {
  client.send(
    amqpHeader,
    open({ hostname }),
    begin(),
    attach({ name: 'provision_sender_link', handle: 1, sends: true, address, more: versions }),
    attach({ name: 'provision_receiver_link', handle: 0, sends: false, address, more: versions }),
    credit(0, 100),
  );
  for (const kind of ['open', 'begin', 'attach', 'attach']) await client.until(kind);
  return new Conversation(client);
}
