/** The way to who asks: the desktop shell over its message port, or the parent process over IPC. */
import { type Result, failed } from '../lib/base/result.ts';
import type { Fault } from '../lib/base/fault.ts';
import type { EventName, EventPayload } from '../contract/events.ts';
import { type EventMessage, Request, type Response } from '../contract/messages.ts';
import type { CallName } from '../contract/calls.ts';

export interface Channel {
  send(message: Response | EventMessage): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** Electron gives a utility process this; it is no part of Node. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

/** Undefined when nobody started this process to talk to it. */
export function parentChannel(): Channel | undefined {
  const port = (process as { parentPort?: ParentPort }).parentPort;
  if (port !== undefined) {
    return {
      send: (message) => {
        port.postMessage(message);
      },
      onMessage: (listener) => {
        port.on('message', (event) => {
          listener(event.data);
        });
      },
    };
  }
  if (process.send === undefined) return undefined;
  return {
    // A parent that has gone takes no messages; the station learns of it by its own means.
    send: (message) => void process.send?.(message, undefined, undefined, () => undefined),
    onMessage: (listener) => void process.on('message', listener),
  };
}

/** Answers requests by `answer`; what is no request of the contract is answered with nothing. */
export function serveChannel(
  channel: Channel,
  answer: (name: CallName, payload: unknown) => Promise<Result<unknown>>,
): void {
  channel.onMessage((message) => {
    const request = Request.safeParse(message);
    if (!request.success) return;
    const { id, name, payload } = request.data;
    void answer(name, payload).then((result) => {
      channel.send({ kind: 'response', id, result: result.ok ? result : failed(viewOf(result.fault)) });
    });
  });
}

export function sendEvent<Name extends EventName>(channel: Channel, name: Name, payload: EventPayload<Name>): void {
  channel.send({ kind: 'event', name, payload });
}

function viewOf(fault: Fault) {
  const { code, say, hint, detail } = fault;
  return detail === undefined ? { code, say, hint } : { code, say, hint, detail: { ...detail } };
}
