/** An ordered stream of bytes to one device: a serial port, a pseudo-terminal or a TCP connection. */
import type { Fault } from './fault.ts';
import type { Result } from './result.ts';

export type Unsubscribe = () => void;

export interface ByteStream {
  /** Resolves once the bytes are handed to the operating system; fails when the stream is closed or stuck. */
  write(bytes: Uint8Array): Promise<Result<void>>;
  onData(listener: (bytes: Uint8Array) => void): Unsubscribe;
  /** Called once, with the reason when the other side or the cable ended it, without one after our own `close`. */
  onClose(listener: (reason: Fault | undefined) => void): Unsubscribe;
  /** Idempotent. Resolves when the handle is released, at the latest after a bound of its own. */
  close(): Promise<void>;
}
