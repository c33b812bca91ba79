/** Two byte streams joined in memory: what one end writes the other hears, in order, never within the same call. */
import { faultMaker, type Fault } from './fault.ts';
import { failed, ok } from './result.ts';
import { createStreamHub } from './stream-hub.ts';
import type { ByteStream } from './stream.ts';

const pairFault = faultMaker({
  'stream-closed': { say: 'The stream is closed.', hint: 'Open it again.' },
});

export interface StreamPair {
  readonly near: ByteStream;
  readonly far: ByteStream;
  /** Ends both as a pulled cable would. */
  unplug(reason: Fault): void;
}

interface End {
  readonly stream: ByteStream;
  hear(bytes: Uint8Array): void;
  end(reason: Fault | undefined): void;
}

export function streamPair(): StreamPair {
  const near: End = createEnd(
    () => far,
    () => {
      far.end(pairFault('stream-closed', { by: 'other side' }));
    },
  );
  const far: End = createEnd(
    () => near,
    () => {
      near.end(pairFault('stream-closed', { by: 'other side' }));
    },
  );
  return {
    near: near.stream,
    far: far.stream,
    unplug(reason) {
      near.end(reason);
      far.end(reason);
    },
  };
}

function createEnd(other: () => End, closeOther: () => void): End {
  const hub = createStreamHub();
  return {
    stream: {
      async write(bytes) {
        if (hub.ended !== undefined) return failed(hub.ended.reason ?? pairFault('stream-closed'));
        const copy = bytes.slice();
        await Promise.resolve();
        other().hear(copy);
        return ok();
      },
      onData: hub.onData,
      onClose: hub.onClose,
      async close() {
        hub.end(undefined);
        closeOther();
      },
    },
    hear: hub.hear,
    end: hub.end,
  };
}
