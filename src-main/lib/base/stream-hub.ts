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

/** Pieces that came before anybody listened; who opens a stream listens at once or closes it. */
const maxEarlyPieces = 64;

/** @param onFirstListener called once, when the first listener for data is there */
export function createStreamHub(onFirstListener: () => void = () => undefined): StreamHub {
  const dataListeners = new Set<(bytes: Uint8Array) => void>();
  const closeListeners = new Set<(reason: Fault | undefined) => void>();
  let ended: { readonly reason: Fault | undefined } | undefined;
  let early: Uint8Array[] | undefined = [];
  let hasListened = false;

  const tell = (bytes: Uint8Array): void => {
    for (const listener of [...dataListeners]) listener(bytes);
  };
  const tellEarly = (): void => {
    const waited = early ?? [];
    early = undefined;
    for (const bytes of waited) tell(bytes);
  };
  return {
    onData(listener) {
      dataListeners.add(listener);
      if (!hasListened && ended === undefined) {
        hasListened = true;
        // Not within this call: the listener does not hold its way out yet.
        void Promise.resolve().then(tellEarly);
        onFirstListener();
      }
      return () => void dataListeners.delete(listener);
    },
    onClose(listener) {
      closeListeners.add(listener);
      return () => void closeListeners.delete(listener);
    },
    hear(bytes) {
      if (ended !== undefined) return;
      if (early === undefined) tell(bytes);
      else if (early.length < maxEarlyPieces) early.push(bytes);
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
