/** Where the station comes in: a pseudo-terminal, a TCP port, or a real serial port; the device is served on it. */
import type { Clock } from '../lib/base/clock.ts';
import type { Fault } from '../lib/base/fault.ts';
import type { Log } from '../lib/base/log.ts';
import { failed, ok, unreachable } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import type { ByteStream } from '../lib/base/stream.ts';
import { listenTcpStreams, openPty, openSerialPort } from '../lib/serial/index.ts';
import { agentFault } from './faults.ts';
import type { PortChoice } from './options.ts';

export interface OpenedPort {
  /** What a station opens: a path, or `tcp:HOST:PORT`. */
  readonly name: string;
  /** Resolves with the reason when the port ends without our doing. */
  readonly lost: Promise<Fault>;
  close(): Promise<void>;
}

export interface PortParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Whether `serve` is called each time that a station opens a pseudo-terminal. */
  readonly tellsOpens?: boolean;
  /** Called with the stream of each station that comes in; a port that is not TCP has one for all of them. */
  serve(stream: ByteStream): void;
}

export async function openPort(choice: PortChoice, parts: PortParts): Promise<Result<OpenedPort>> {
  switch (choice.at) {
    case 'pty': {
      const { linkPath } = choice;
      const options = { ...(linkPath === undefined ? {} : { linkPath }), tellsOpens: parts.tellsOpens === true };
      const opened = await attempt(linkPath ?? 'pty', () => openPty(options, parts.clock));
      if (!opened.ok) return opened;
      const { path, stream, onOpened } = opened.value;
      onOpened(() => {
        parts.serve(stream);
      });
      return ok(served(path, stream, parts));
    }
    case 'serial': {
      const opened = await openSerialPort({ path: choice.path }, parts);
      return opened.ok ? ok(served(choice.path, opened.value, parts)) : opened;
    }
    case 'tcp':
      return listen(choice, parts);
    default:
      return unreachable(choice);
  }
}

function served(name: string, stream: ByteStream, parts: PortParts): OpenedPort {
  const lost = new Promise<Fault>((resolve) => {
    stream.onClose((reason) => {
      if (reason !== undefined) resolve(reason);
    });
  });
  parts.serve(stream);
  return { name, lost, close: () => stream.close() };
}

async function listen(choice: PortChoice & { at: 'tcp' }, parts: PortParts): Promise<Result<OpenedPort>> {
  const { host } = choice;
  const opened = await attempt(`tcp:${host}:${choice.port}`, async () => {
    const address = { host, port: choice.port };
    return ok(
      await listenTcpStreams(address, parts.clock, (stream) => {
        parts.serve(stream);
      }),
    );
  });
  if (!opened.ok) return opened;
  const listener = opened.value;
  // Connections come and go; the listener itself ends only when we close it.
  const lost = new Promise<Fault>(() => undefined);
  return ok({ name: `tcp:${host}:${listener.port}`, lost, close: () => listener.close() });
}

/** Both ways throw what the system says: an address in use, a link path that is taken. */
async function attempt<T>(port: string, open: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await open();
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    const reason = typeof code === 'string' ? code : error instanceof Error ? error.message : 'unknown';
    return failed(agentFault('agent-port-unusable', { port, reason }));
  }
}
