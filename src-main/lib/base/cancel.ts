/** Cancellation as a parameter: what a callee needs of the platform's AbortSignal, and no more. */

export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
