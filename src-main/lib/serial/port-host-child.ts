/** One port host process: started, pinged, killed. */
import { spawn } from 'node:child_process';
import type { Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { serialFault } from './faults.ts';
import type { PortHostLimits } from './port-host-limits.ts';
import { createMessageReader, encodeMessage, messageTypes, type Message, type MessageType } from './port-host-wire.ts';

export interface HostChild {
  readonly pid: number | undefined;
  /** Resolves when it said its first word, or ended. */
  readonly heard: Promise<void>;
  say(type: MessageType, port: number, payload?: Uint8Array): void;
  /** Ends it now; `onEnd` is called with this reason. */
  kill(reason: Fault): void;
  /** Ends it as asked; no `onEnd`. Resolves when it is gone. */
  stop(): Promise<void>;
}

export interface HostChildOptions {
  readonly execPath: string;
  readonly entryPath: string;
  readonly limits: PortHostLimits;
}

export interface HostChildListeners {
  onMessage(message: Message): void;
  onEnd(from: HostChild, reason: Fault): void;
}

/** A crashing runtime says why in its last lines. */
const maxStderrText = 2_000;

export function startHostChild(
  options: HostChildOptions,
  parts: { readonly clock: Clock; readonly log: Log },
  listeners: HostChildListeners,
): HostChild {
  const { clock } = parts;
  const { limits } = options;
  const child = spawn(options.execPath, [options.entryPath], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: '' },
  });
  const reader = createMessageReader();
  let heardMs = clock.monotonicMs();
  let reason: Fault | undefined;
  let stderr = '';
  let cancelPing: () => void = () => undefined;
  const { promise: heard, resolve: tellHeard } = Promise.withResolvers<void>();

  const host: HostChild = {
    pid: child.pid,
    heard,
    say(type, port, payload) {
      // A pipe to a dead child raises 'error', which the exit explains.
      child.stdin.write(encodeMessage(type, port, payload));
    },
    kill(why) {
      reason ??= why;
      // SIGKILL also ends a stopped process and one whose threads are blocked in a driver.
      child.kill('SIGKILL');
    },
    stop() {
      reason = undefined;
      listeners = { onMessage: () => undefined, onEnd: () => undefined };
      child.kill('SIGKILL');
      return gone;
    },
  };
  const gone = new Promise<void>((resolve) => {
    const end = (): void => {
      cancelPing();
      tellHeard();
      resolve();
      listeners.onEnd(host, reason ?? serialFault('port-host-died', stderr === '' ? undefined : { stderr }));
    };
    child.once('exit', end);
    child.once('error', end);
  });
  const ping = (): void => {
    if (clock.monotonicMs() - heardMs > limits.silentMs) {
      host.kill(serialFault('port-host-hung'));
      return;
    }
    host.say(messageTypes.ping, 0);
    cancelPing = clock.after(limits.pingEveryMs, ping);
  };

  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (bytes: Buffer) => {
    heardMs = clock.monotonicMs();
    tellHeard();
    const messages = reader.push(Uint8Array.from(bytes));
    if (messages === undefined) host.kill(serialFault('port-host-died', { because: 'unreadable messages' }));
    for (const message of messages ?? []) listeners.onMessage(message);
  });
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    stderr = (stderr + text).slice(-maxStderrText);
  });
  // At once: its first word says that it is up.
  ping();
  return host;
}
