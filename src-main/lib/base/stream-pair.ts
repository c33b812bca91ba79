/** Two byte streams joined in memory: what one end writes the other hears, in order, never within the same call. */
import { faultMaker, type Fault } from './fault.ts';
import { failed, ok } from './result.ts';
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
  const dataListeners = new Set<(bytes: Uint8Array) => void>();
  const closeListeners = new Set<(reason: Fault | undefined) => void>();
  let isOpen = true;
  const end = (reason: Fault | undefined): void => {
    if (!isOpen) return;
    isOpen = false;
    for (const listener of [...closeListeners]) listener(reason);
    closeListeners.clear();
    dataListeners.clear();
  };
  return {
    stream: {
      async write(bytes) {
        if (!isOpen) return failed(pairFault('stream-closed'));
        const copy = bytes.slice();
        await Promise.resolve();
        other().hear(copy);
        return ok();
      },
      onData(listener) {
        dataListeners.add(listener);
        return () => void dataListeners.delete(listener);
      },
      onClose(listener) {
        closeListeners.add(listener);
        return () => void closeListeners.delete(listener);
      },
      async close() {
        end(undefined);
        closeOther();
      },
    },
    hear(bytes) {
      if (isOpen) for (const listener of [...dataListeners]) listener(bytes);
    },
    end,
  };
}
