/** The listening half of a ByteStream: who hears the bytes, who hears the end, and that the end comes once. */
import type { Fault } from './fault.ts';
import type { Unsubscribe } from './stream.ts';

export interface StreamHub {
  readonly onData: (listener: (bytes: Uint8Array) => void) => Unsubscribe;
  readonly onClose: (listener: (reason: Fault | undefined) => void) => Unsubscribe;
  readonly hear: (bytes: Uint8Array) => void;
  /** The first call counts; afterwards nothing is heard any more. */
  readonly end: (reason: Fault | undefined) => void;
  /** Undefined while open. */
  readonly ended: { readonly reason: Fault | undefined } | undefined;
}

/** @param onFirstListener called once, when the first listener for data is there */
export function createStreamHub(onFirstListener: () => void = () => undefined): StreamHub {
  const dataListeners = new Set<(bytes: Uint8Array) => void>();
  const closeListeners = new Set<(reason: Fault | undefined) => void>();
  let ended: { readonly reason: Fault | undefined } | undefined;
  let hasListened = false;
  const subscribe = <T>(set: Set<T>, listener: T): Unsubscribe => {
    set.add(listener);
    return () => void set.delete(listener);
  };
  return {
    onData(listener) {
      const unsubscribe = subscribe(dataListeners, listener);
      if (!hasListened && ended === undefined) {
        hasListened = true;
        onFirstListener();
      }
      return unsubscribe;
    },
    onClose: (listener) => subscribe(closeListeners, listener),
    hear(bytes) {
      if (ended === undefined) for (const listener of [...dataListeners]) listener(bytes);
    },
    end(reason) {
      if (ended !== undefined) return;
      ended = { reason };
      for (const listener of [...closeListeners]) listener(reason);
      closeListeners.clear();
      dataListeners.clear();
    },
    get ended() {
      return ended;
    },
  };
}
