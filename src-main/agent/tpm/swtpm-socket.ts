/** A TPM behind the data channel of swtpm: raw commands and answers over a TCP or unix socket. */
import { connect, type Socket } from 'node:net';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { createLane } from '../../lib/base/lane.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { linkFailed, systemCode } from './faults.ts';
import { defaultAnswerTimeoutMs, inLane, maxWaitingCommands, type OpenedTpm } from './opened-tpm.ts';
import { within } from './patience.ts';
import { createResponseCutter } from './response-frame.ts';

export type SwtpmAddress = { readonly path: string } | { readonly host: string; readonly port: number };

export interface SwtpmSocketOptions {
  readonly address: SwtpmAddress;
  readonly answerTimeoutMs?: number;
}

// Both ends are on one machine, or in one rack.
const connectTimeoutMs = 5_000;
const closeTimeoutMs = 2_000;

export async function openSwtpmSocket(options: SwtpmSocketOptions, clock: Clock): Promise<Result<OpenedTpm>> {
  const timeoutMs = options.answerTimeoutMs ?? defaultAnswerTimeoutMs;
  const first = await dial(options.address, clock);
  if (!first.ok) return first;
  let line = new Line(first.value, clock);
  let isClosed = false;
  const transmit = async (command: Uint8Array, signal?: CancelSignal): Promise<Result<Uint8Array>> => {
    if (isClosed) return linkFailed('tpm-link-down', { reason: 'closed' });
    if (line.isDown) {
      const again = await dial(options.address, clock);
      if (!again.ok) return again;
      line = new Line(again.value, clock);
    }
    return line.ask(command, timeoutMs, signal);
  };
  return ok({
    kind: 'swtpm-socket',
    transport: inLane(createLane(maxWaitingCommands), transmit),
    async close() {
      isClosed = true;
      await line.close();
    },
  });
}

function dial(address: SwtpmAddress, clock: Clock): Promise<Result<Socket>> {
  return new Promise((resolve) => {
    const socket = connect({ ...address });
    const cancelTimer = clock.after(connectTimeoutMs, () => {
      fail('timeout');
    });
    const fail = (reason: string): void => {
      cancelTimer();
      socket.destroy();
      resolve(linkFailed('tpm-link-down', { reason }));
    };
    const onError = (error: Error): void => {
      fail(systemCode(error));
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      cancelTimer();
      socket.off('error', onError);
      resolve(ok(socket));
    });
  });
}

type Waiter = (result: Result<Uint8Array>) => void;

/** One connection: commands one after the other, each with its own answer. */
class Line {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #cutter = createResponseCutter();
  #waiter: Waiter | undefined;
  #isDown = false;
  // The answer to a command whose caller has gone: it is dropped, never taken for the answer to the next one.
  #isAnswerOwed = false;
  #whenPaid: (() => void) | undefined;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.on('error', (error) => {
      this.#bringDown(systemCode(error));
    });
    socket.on('close', () => {
      this.#bringDown('connection closed');
    });
    socket.on('data', (bytes) => {
      this.#receive(bytes);
    });
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  async ask(command: Uint8Array, timeoutMs: number, signal?: CancelSignal): Promise<Result<Uint8Array>> {
    const patience = { clock: this.#clock, timeoutMs, signal };
    const paid = await within(this.#paid(), patience);
    if (!paid.ok) return paid;
    const answer = await within(this.#send(command), patience);
    if (this.#waiter !== undefined) {
      this.#waiter = undefined;
      this.#isAnswerOwed = true;
    }
    return answer;
  }

  close(): Promise<void> {
    return endSocket(this.#socket, this.#clock);
  }

  #send(command: Uint8Array): Promise<Result<Uint8Array>> {
    return new Promise((resolve) => {
      this.#waiter = resolve;
      if (this.#isDown) this.#settle(linkFailed('tpm-link-down', { reason: 'connection closed' }));
      else this.#socket.write(command);
    });
  }

  #paid(): Promise<Result<void>> {
    return new Promise((resolve) => {
      this.#whenPaid = () => {
        this.#whenPaid = undefined;
        resolve(ok());
      };
      if (!this.#isAnswerOwed) this.#whenPaid();
    });
  }

  #receive(bytes: Uint8Array): void {
    const cut = this.#cutter.push(bytes);
    if (cut.kind === 'waiting') return;
    if (cut.kind === 'noise') {
      this.#settle(linkFailed('tpm-link-malformed', { reason: cut.reason }));
      this.#bringDown(cut.reason);
    } else if (this.#isAnswerOwed) {
      this.#pay();
    } else if (this.#waiter === undefined) {
      this.#bringDown('an answer nobody asked for');
    } else {
      this.#settle(ok(cut.bytes));
    }
  }

  #pay(): void {
    this.#isAnswerOwed = false;
    this.#whenPaid?.();
  }

  #settle(result: Result<Uint8Array>): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.(result);
  }

  #bringDown(reason: string): void {
    this.#isDown = true;
    this.#socket.destroy();
    this.#settle(linkFailed('tpm-link-down', { reason }));
    this.#pay();
  }
}

function endSocket(socket: Socket, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) {
      resolve();
      return;
    }
    const cancelTimer = clock.after(closeTimeoutMs, () => socket.destroy());
    socket.once('close', () => {
      cancelTimer();
      resolve();
    });
    socket.end();
  });
}
