/**
 * The port host: a process that moves the bytes of one adapter and does nothing else, so that a driver that hangs or
 * crashes takes only itself along. It ends when its station does (end of stdin).
 */
import type { SerialPort } from 'serialport';
import type { Fault } from '../base/fault.ts';
import { systemClock } from '../base/host.ts';
import { silentLog } from '../base/log.ts';
import { moveBytesDirectly } from './direct-io.ts';
import { serialFault } from './faults.ts';
import {
  createMessageReader,
  decodeProfile,
  encodeJson,
  encodeMessage,
  maxPayloadBytes,
  messageTypes,
  type Message,
  type MessageType,
} from './port-host-wire.ts';
import { closeNativePort, openNativePort } from './serial-port.ts';

interface Held {
  readonly number: number;
  readonly port: SerialPort;
}

const reader = createMessageReader();
let held: Held | undefined;
let queue: Promise<void> = Promise.resolve();

function say(type: MessageType, port: number, payload?: Uint8Array): void {
  const flows = process.stdout.write(encodeMessage(type, port, payload));
  // The station reads slower than the port speaks: the port waits, nothing piles up here.
  if (!flows && held?.port.isPaused() === false) {
    const { port: paused } = held;
    paused.pause();
    process.stdout.once('drain', () => paused.resume());
  }
}

async function openPort({ port: number, payload }: Message): Promise<void> {
  const profile = decodeProfile(payload);
  const opened =
    profile === undefined ? undefined : await openNativePort(profile, { clock: systemClock, log: silentLog });
  if (opened?.ok !== true) {
    const fault: Fault = opened?.fault ?? serialFault('port-failed', { path: '?' });
    say(messageTypes.fault, number, encodeJson(fault));
    return;
  }
  const port = opened.value;
  moveBytesDirectly(port);
  held = { number, port };
  say(messageTypes.opened, number);
  port.on('data', (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += maxPayloadBytes) {
      say(messageTypes.data, number, bytes.subarray(at, at + maxPayloadBytes));
    }
  });
  const end = (): void => {
    if (held?.port !== port) return;
    held = undefined;
    say(messageTypes.fault, number, encodeJson(serialFault('port-unplugged', { path: port.path })));
    closeNativePort(port).catch(() => undefined);
  };
  port.on('error', end);
  port.on('close', end);
}

async function closePort(number: number): Promise<void> {
  const port = held?.port;
  held = undefined;
  if (port !== undefined) await closeNativePort(port);
  say(messageTypes.closed, number);
}

function writePort({ port: number, payload }: Message): void {
  if (held?.number !== number) return;
  held.port.write(Buffer.from(payload), (error) => {
    const fault = error ? encodeJson(serialFault('port-unplugged', { path: held?.port.path ?? '' })) : undefined;
    say(messageTypes.written, number, fault);
  });
}

function obey(message: Message): void {
  switch (message.type) {
    case messageTypes.open:
      queue = queue.then(() => openPort(message));
      break;
    case messageTypes.close:
      queue = queue.then(() => closePort(message.port));
      break;
    case messageTypes.data:
      writePort(message);
      break;
    case messageTypes.ping:
      say(messageTypes.pong, message.port);
      break;
    default:
      process.exit(2);
  }
}

process.stdin.on('data', (bytes: Buffer) => {
  const messages = reader.push(Uint8Array.from(bytes));
  if (messages === undefined) process.exit(2);
  for (const message of messages) obey(message);
});
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
process.stdout.on('error', () => process.exit(0));
