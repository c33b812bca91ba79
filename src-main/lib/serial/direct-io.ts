/**
 * Reads and writes of a port at once where its driver need not wait, instead of by a thread of the pool each: a port
 * host does nothing else, and sixteen of them share a PC. A driver that hangs all the same takes only its host along.
 */
import { readSync, writeSync } from 'node:fs';
import type { SerialPort } from 'serialport';

/** What serialport's binding for Linux is made of; its types hand on only a part. */
interface LinuxBinding {
  readonly fd: number | null;
  readonly isOpen: boolean;
  readonly poller: { once(event: 'readable', hear: (error: Error | null) => void): void };
  read(
    buffer: Buffer,
    offset: number,
    length: number,
  ): Promise<{ readonly buffer: Buffer; readonly bytesRead: number }>;
  write(buffer: Buffer): Promise<void>;
}

/** Every port is opened with O_NONBLOCK there. Other systems' bindings are left as they are. */
export function moveBytesDirectly(port: SerialPort): void {
  const binding: unknown = port.port;
  if (process.platform !== 'linux' || !isLinuxBinding(binding)) return;
  const [read, write] = [binding.read.bind(binding), binding.write.bind(binding)];
  binding.read = async (buffer, offset, length) => {
    for (;;) {
      const bytesRead = attempt(() => readSync(binding.fd ?? -1, buffer, offset, length, null));
      if (bytesRead !== undefined && bytesRead > 0) return { buffer, bytesRead };
      // A hang-up reads as nothing, and every error has its own handling there.
      if (bytesRead !== undefined || !binding.isOpen) return read(buffer, offset, length);
      await new Promise<void>((resolve, reject) => {
        binding.poller.once('readable', (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      });
    }
  };
  binding.write = async (buffer) => {
    const written = binding.isOpen ? (attempt(() => writeSync(binding.fd ?? -1, buffer)) ?? 0) : 0;
    if (written < buffer.length) await write(buffer.subarray(written));
  };
}

/** Undefined: not now. */
function attempt(move: () => number): number | undefined {
  try {
    return move();
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EAGAIN' ? undefined : 0;
  }
}

function isLinuxBinding(binding: unknown): binding is LinuxBinding {
  return typeof binding === 'object' && binding !== null && 'fd' in binding && 'poller' in binding;
}
