/** The device's end of the TPM tunnel: firmware that only forwards. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ByteStream } from '../base/stream.ts';
import { createTunnelDecoder, encodeTunnelFrame, type TunnelFrame } from './tunnel-frame.ts';
import type { TpmTransport } from './types.ts';

export interface TunnelServer {
  /** Stops answering; a command under way runs to its end. The stream stays open: it is the owner's. */
  close(): void;
}

/** [TUN-2.5] Shorter than the station's, so that the device listens again when the station sends again. */
const halfFrameMs = 500;

/** [TUN-4.1] One at a time: whatever arrives while a command runs, greetings too, is dropped. */
export function serveTunnel(
  stream: ByteStream,
  transport: TpmTransport,
  parts: { readonly clock: Clock; readonly log: Log },
): TunnelServer {
  const decoder = createTunnelDecoder();
  let isBusy = false;
  let isClosed = false;
  let cancelHalf: () => void = () => undefined;
  const answer = async ({ sequence, buffer }: TunnelFrame): Promise<void> => {
    isBusy = true;
    try {
      const answered = buffer.length === 0 ? undefined : await transport.transmit(buffer);
      if (answered?.ok === false) parts.log.warn('tunnel-no-tpm', { code: answered.fault.code });
      const response = answered?.ok === true ? answered.value : new Uint8Array(0);
      // What was cut while the command ran belongs to nothing.
      decoder.cut();
      isBusy = false;
      if (!isClosed) await stream.write(encodeTunnelFrame({ sequence, buffer: response }));
    } finally {
      isBusy = false;
    }
  };
  const stop = stream.onData((bytes) => {
    cancelHalf();
    for (const frame of decoder.push(bytes)) {
      if (isBusy) continue;
      answer(frame).catch((error: unknown) => {
        parts.log.error('tunnel-broke', { error: error instanceof Error ? error.name : typeof error });
      });
    }
    if (decoder.isOpen) cancelHalf = parts.clock.after(halfFrameMs, () => void decoder.cut());
  });
  return {
    close() {
      isClosed = true;
      cancelHalf();
      stop();
    },
  };
}
