/** One registration over AMQP as a device does it (dps-wire 3), on a bare connection: frames that are made and read by hand. */
import type { TLSSocket } from 'node:tls';
import { createAmqpCutter } from '../../src-main/lib/listen/amqp-cutter.ts';
import { listFields, readConstructor, skipValue, unsignedAt, variableAt } from '../../src-main/lib/listen/amqp-scan.ts';
import {
  amqpHeader,
  attach,
  begin,
  credit,
  frame,
  frames,
  messages,
  open,
  saslFrame,
  saslHeader,
  transfer,
} from '../exams/amqp-raw.ts';
import { nowMs } from './runner.ts';
import type { Credentials } from './service-credentials.ts';
import type { Registered } from './service-https-driver.ts';

// The window that `begin` announces: one answer each, and the registration's own.
const maxPolls = 99;
const codes = { transfer: 0x14, disposition: 0x15, challenge: 0x42, outcome: 0x44, data: 0x75 };
const zero = Buffer.of(0);
const apiVersion = { properties: { 'com.microsoft:api-version': '2019-03-31' } };
// What is the same for every device is made once.
const opening = Buffer.concat([amqpHeader, open(), begin()]);
const creditFrame = credit(0, maxPolls + 1);
const state = messages.accepted().described();
const accepted = (delivery: number): Buffer =>
  frame(frames.disposition({ role: true, first: delivery, settled: true, state }));

export async function registerOverAmqp(socket: TLSSocket, device: Credentials): Promise<Registered> {
  const wire = wireOn(socket);
  const startMs = nowMs();
  await login(wire, device);
  const address = `${device.idScope}/registrations/${device.registrationId}`;
  const answers = attach({ name: 'r', handle: 0, sends: false, address, more: apiVersion });
  const requests = attach({ name: 's', handle: 1, sends: true, address, more: apiVersion });
  // dps-wire 3.1: one SDK sends all of it at once
  wire.send(opening, answers, creditFrame, requests);
  let responseMs = nowMs() - startMs;
  const ask = async (asked: number, operation: object, body: string): Promise<Answer> => {
    const askedMs = nowMs();
    const message = messages.encode({
      correlation_id: `g-${asked}`,
      application_properties: operation,
      body: messages.data_section(Buffer.from(body)),
    });
    wire.send(transfer(1, asked, message));
    const answer = await wire.answer();
    // as every SDK does; the numbers of deliveries count from 0 on either side
    wire.send(accepted(asked));
    responseMs += nowMs() - askedMs;
    return answer;
  };
  let answer = await ask(0, { 'iotdps-operation-type': 'iotdps-register' }, device.body);
  for (let polls = 1; polls <= maxPolls; polls += 1) {
    const operationId = answer.operationId ?? '';
    const poll = { 'iotdps-operation-type': 'iotdps-get-operationstatus', 'iotdps-operation-id': operationId };
    answer = await ask(polls, poll, '');
    if (answer.status === 'assigned') return { polls, responseMs };
    if (answer.status !== 'assigning') throw new Error(`a poll ended with ${String(answer.status)}`);
  }
  throw new Error('never assigned');
}

/** dps-wire 3.4 and 3.5: nothing for a certificate, PLAIN for a token, five messages for a TPM. */
async function login(wire: Wire, device: Credentials): Promise<void> {
  const { idScope, registrationId, authorization, tpm } = device;
  if (tpm !== undefined) {
    const keys = [Buffer.from(tpm.endorsementKey, 'base64'), Buffer.from(tpm.storageRootKey, 'base64')] as const;
    const init = Buffer.concat([zero, Buffer.from(`${idScope}\0${registrationId}\0`), keys[0]]);
    wire.send(saslHeader, saslFrame(frames.sasl_init({ mechanism: 'TPM', initial_response: init })));
    await wire.challenge();
    wire.send(saslResponse(keys[1]));
    const first = await wire.challenge();
    wire.send(saslResponse());
    const second = await wire.challenge();
    const blob = Buffer.concat([first.subarray(1), second.subarray(1)]);
    wire.send(saslResponse(Buffer.from(device.answer(blob.toString('base64')))));
    await wire.admitted();
  } else if (authorization !== undefined) {
    const initial = Buffer.from(`\0${idScope}/registrations/${registrationId}\0${authorization}`);
    wire.send(saslHeader, saslFrame(frames.sasl_init({ mechanism: 'PLAIN', initial_response: initial })));
    await wire.admitted();
  }
}

const saslResponse = (payload: Buffer = Buffer.alloc(0)): Buffer =>
  saslFrame(frames.sasl_response({ response: Buffer.concat([zero, payload]) }));

interface Answer {
  readonly operationId?: string;
  readonly status?: string;
}

interface Wire {
  send(...parts: readonly Buffer[]): void;
  challenge(): Promise<Buffer>;
  /** The outcome of SASL, when it is good. */
  admitted(): Promise<void>;
  answer(): Promise<Answer>;
}

interface Seen {
  readonly bytes: Buffer;
  readonly bodyAt: number;
}

/** One exchange at a time; frames that it does not wait for (attaches, flows, dispositions that accept) are passed over. */
function wireOn(socket: TLSSocket): Wire {
  const cutter = createAmqpCutter();
  let headers = 0;
  let afterSasl = false;
  let waiting: { code: number; resolve: (seen: Seen) => void; reject: (error: Error) => void } | undefined;
  const seen = (bytes: Buffer): void => {
    const bodyAt = (bytes[4] ?? 0) * 4;
    const code = bodyAt < bytes.length ? readConstructor(bytes, bodyAt)?.descriptor : undefined;
    if (code === codes.outcome) afterSasl = true;
    if (code === codes.disposition && isRejection(bytes, bodyAt)) waiting?.reject(new Error('a request was rejected'));
    if (code === waiting?.code) waiting?.resolve({ bytes, bodyAt });
  };
  socket.on('data', (chunk: Buffer) => {
    cutter.push(chunk);
    for (;;) {
      const isHeader = headers === 0 || (afterSasl && headers === 1);
      const cut = isHeader ? cutter.header() : cutter.frame(1_000_000);
      if (cut.is !== 'bytes') break;
      if (isHeader) headers += 1;
      else seen(cut.bytes);
    }
  });
  socket.on('close', () => waiting?.reject(new Error('the connection was closed')));
  const until = (code: number): Promise<Seen> =>
    new Promise((resolve, reject) => {
      waiting = { code, resolve, reject };
    });
  return {
    send: (...parts) => void socket.write(parts.length === 1 ? (parts[0] ?? zero) : Buffer.concat(parts)),
    async challenge() {
      const { bytes, bodyAt } = await until(codes.challenge);
      return variableAt(bytes, fieldsOf(bytes, bodyAt)[0]) ?? zero;
    },
    async admitted() {
      const { bytes, bodyAt } = await until(codes.outcome);
      if (unsignedAt(bytes, fieldsOf(bytes, bodyAt)[0]) !== 0) throw new Error('the login was refused');
    },
    async answer() {
      const { bytes, bodyAt } = await until(codes.transfer);
      return JSON.parse(dataOf(bytes, skipValue(bytes, bodyAt)).toString()) as Answer;
    },
  };
}

function fieldsOf(bytes: Buffer, at: number): readonly number[] {
  const constructor = readConstructor(bytes, at);
  return (constructor && listFields(bytes, constructor)) ?? [];
}

const acceptedCode = 0x24;

function isRejection(bytes: Buffer, bodyAt: number): boolean {
  const stateAt = fieldsOf(bytes, bodyAt)[4];
  return stateAt !== undefined && readConstructor(bytes, stateAt)?.descriptor !== acceptedCode;
}

/** The data section of the message at `from`. */
function dataOf(bytes: Buffer, from: number): Buffer {
  for (let at = from; at >= 0 && at < bytes.length; at = skipValue(bytes, at)) {
    const section = readConstructor(bytes, at);
    if (section?.descriptor === codes.data) return variableAt(bytes, section.bodyAt - 1) ?? zero;
  }
  return zero;
}
