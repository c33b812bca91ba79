/** AMQP 1.0 frame by frame, as no client library would let one: what is sent, in which order, and what comes back. */
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import { createAmqpCutter } from '../../src-main/lib/listen/amqp-cutter.ts';

interface Performative {
  readonly [field: string]: unknown;
  described(): unknown;
}

type Make = (fields: object) => Performative;

interface FrameLibrary {
  readonly open: Make;
  readonly begin: Make;
  readonly attach: Make;
  readonly flow: Make;
  readonly transfer: Make;
  readonly disposition: Make;
  readonly detach: Make;
  readonly end: Make;
  readonly close: Make;
  readonly sasl_init: Make;
  readonly sasl_response: Make;
  read_frame(bytes: Buffer): { readonly performative?: Performative; readonly payload?: Buffer };
  write_frame(frame: object): Buffer;
}

interface MessageLibrary {
  encode(message: object): Buffer;
  decode(bytes: Buffer): Readonly<Record<string, unknown>>;
  data_section(bytes: Buffer): unknown;
  accepted(): { described(): unknown };
}

interface TerminusLibrary {
  source(fields: object): { described(): unknown };
  target(fields: object): { described(): unknown };
}

// rhea's own parts, which its package does not show
const load = createRequire(import.meta.url);
export const frames = load('rhea/lib/frames.js') as FrameLibrary;
export const messages = load('rhea/lib/message.js') as MessageLibrary;
const terminus = load('rhea/lib/terminus.js') as TerminusLibrary;

export const amqpHeader = Buffer.from('414d515000010000', 'hex');
export const saslHeader = Buffer.from('414d515003010000', 'hex');

export function frame(performative: Performative, channel = 0, payload?: Buffer): Buffer {
  return frames.write_frame({ type: 0, channel, performative, payload });
}

export function saslFrame(performative: Performative): Buffer {
  return frames.write_frame({ type: 1, channel: 0, performative });
}

export const open = (fields: object = {}): Buffer => frame(frames.open({ container_id: 'raw', ...fields }));
export const begin = (channel = 0): Buffer =>
  frame(frames.begin({ next_outgoing_id: 0, incoming_window: 100, outgoing_window: 100 }), channel);

/** `sends`: the client's side of the link. */
export function attach(link: { name: string; handle: number; sends: boolean; address: string; more?: object }): Buffer {
  const { name, handle, sends, address, more = {} } = link;
  const ours = sends ? { address: 'here' } : { address };
  const theirs = sends ? { address } : { address: 'here' };
  const fields = {
    name,
    handle,
    role: !sends,
    source: terminus.source(ours).described(),
    target: terminus.target(theirs).described(),
    ...(sends ? { initial_delivery_count: 0 } : {}),
    ...more,
  };
  return frame(frames.attach(fields));
}

export const credit = (handle: number, count = 10): Buffer =>
  frame(
    frames.flow({
      next_incoming_id: 0,
      incoming_window: 100,
      next_outgoing_id: 0,
      outgoing_window: 100,
      handle,
      delivery_count: 0,
      link_credit: count,
    }),
  );

export function transfer(handle: number, deliveryId: number, payload: Buffer, more = {}): Buffer {
  const fields = {
    handle,
    delivery_id: deliveryId,
    delivery_tag: Buffer.of(deliveryId & 255),
    message_format: 0,
    ...more,
  };
  return frame(frames.transfer(fields), 0, payload);
}

export type RawFrame =
  | { readonly is: 'header'; readonly hex: string }
  | { readonly is: string; readonly fields: Performative; readonly payload: Buffer | undefined }
  | { readonly is: 'end-of-stream' };

export interface RawAmqp {
  send(...parts: readonly Buffer[]): void;
  /** The next one that is not one of these kinds, in order; an end of the stream when there is no more. */
  next(...passOver: readonly string[]): Promise<RawFrame>;
  /** Until this kind comes; what came before it is passed over. */
  until(kind: string): Promise<RawFrame & { readonly fields: Performative; readonly payload: Buffer | undefined }>;
}

const names: ReadonlyMap<string, string> = new Map([
  ['open#10', 'open'], ['begin#11', 'begin'], ['attach#12', 'attach'], ['flow#13', 'flow'], ['transfer#14', 'transfer'],
  ['disposition#15', 'disposition'], ['detach#16', 'detach'], ['end#17', 'end'], ['close#18', 'close'],
  ['sasl_mechanisms#40', 'mechanisms'], ['sasl_challenge#42', 'challenge'], ['sasl_outcome#44', 'outcome'],
]); // prettier-ignore

export function rawAmqp(stream: Duplex): RawAmqp {
  const cutter = createAmqpCutter();
  const got: RawFrame[] = [];
  let wake = (): void => undefined;
  const read = (): void => {
    for (;;) {
      const before = got.at(-1);
      // a header comes first, and after a good outcome
      const isHeader =
        before === undefined || (before.is === 'outcome' && 'fields' in before && before.fields['code'] === 0);
      const cut = isHeader ? cutter.header() : cutter.frame(1_000_000);
      if (cut.is !== 'bytes') break;
      got.push(isHeader ? { is: 'header', hex: cut.bytes.toString('hex') } : decoded(cut.bytes));
    }
  };
  stream.on('data', (chunk: Buffer) => {
    cutter.push(chunk);
    read();
    wake();
  });
  stream.on('error', () => undefined);
  stream.once('close', () => {
    got.push({ is: 'end-of-stream' });
    wake();
  });
  let at = 0;
  const next = async (...passOver: readonly string[]): Promise<RawFrame> => {
    for (;;) {
      const found = got[at];
      if (found === undefined) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      if (found.is !== 'end-of-stream') at += 1;
      if (!passOver.includes(found.is)) return found;
    }
  };
  return {
    send: (...parts) => void stream.write(Buffer.concat(parts)),
    next,
    async until(kind) {
      for (;;) {
        const found = await next();
        if (found.is === kind && 'fields' in found) return found;
        if (found.is === 'end-of-stream') throw new Error(`the connection ended before ${kind}`);
      }
    },
  };
}

function decoded(bytes: Buffer): RawFrame {
  const { performative, payload } = frames.read_frame(bytes);
  if (performative === undefined) return { is: 'empty', fields: frames.end({}), payload: undefined };
  const name = (performative.constructor as { toString(): string }).toString();
  return { is: names.get(name) ?? name, fields: performative, payload };
}
