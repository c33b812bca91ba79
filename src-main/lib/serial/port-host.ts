/** The station's side of a port host: one child process for one adapter, watched, killed when it hangs, replaced when it dies. */
import type { Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { serialFault } from './faults.ts';
import { startHostChild, type HostChild } from './port-host-child.ts';
import { defaultPortHostLimits, type PortHostLimits } from './port-host-limits.ts';
import { createHostedPort, type HostedPort } from './port-host-port.ts';
import { encodeJson, messageTypes, type Message } from './port-host-wire.ts';
import type { PortProfile } from './profile.ts';

export interface PortHostOptions {
  /** Node, or Electron's binary: it is started with ELECTRON_RUN_AS_NODE, which Node ignores. */
  readonly execPath: string;
  /** port-host-main, as source under Node 24 or bundled. */
  readonly entryPath: string;
  readonly limits?: Partial<PortHostLimits>;
}

export interface PortHost {
  /** Opens the adapter's port in the child, which is started when there is none. One port at a time. */
  open(profile: PortProfile): Promise<Result<ByteStream>>;
  /** Starts the child ahead, so that the next opening does not wait for it. Resolves when it is up, or ended. */
  start(): Promise<void>;
  /** Of the living child. */
  readonly pid: number | undefined;
  /** Ends the port and the child. */
  close(): Promise<void>;
}

export interface PortHostParts {
  readonly clock: Clock;
  readonly log: Log;
}

export function openPortHost(options: PortHostOptions, parts: PortHostParts): PortHost {
  const limits = { ...defaultPortHostLimits, ...options.limits };
  let child: HostChild | undefined;
  let port: HostedPort | undefined;
  let portNumber = 0;

  const onMessage = (message: Message): void => {
    if (message.port === port?.number) port.hear(message);
  };
  const onEnd = (from: HostChild, reason: Fault): void => {
    if (child !== from) return;
    child = undefined;
    parts.log.warn('port-host-ended', { code: reason.code, pid: from.pid ?? 0 });
    port?.end(reason);
  };
  const living = (): HostChild => {
    child ??= startHostChild({ ...options, limits }, parts, { onMessage, onEnd });
    return child;
  };

  return {
    async open(profile) {
      if (port !== undefined && !port.isEnded) return failed(serialFault('port-busy', { path: profile.path }));
      const host = living();
      portNumber = (portNumber + 1) & 255;
      const opening = createHostedPort({ number: portNumber, host, clock: parts.clock, limits });
      port = opening;
      host.say(messageTypes.open, portNumber, encodeJson(profile));
      const cancel = parts.clock.after(limits.openTimeoutMs, () => {
        // A blocked open cannot be called back: the process it blocks goes.
        host.kill(serialFault('port-host-hung', { path: profile.path }));
      });
      const opened = await opening.opened;
      cancel();
      return opened.ok ? ok(opening.stream) : opened;
    },
    start: () => living().heard,
    get pid() {
      return child?.pid;
    },
    async close() {
      await port?.stream.close();
      const last = child;
      child = undefined;
      await last?.stop();
    },
  };
}
