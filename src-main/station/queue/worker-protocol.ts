/** What crosses between the station and its store worker. Both ends are ours, of one build. */
import type { Result } from '../../lib/base/result.ts';
import type { StoreChange } from './context.ts';
import type { StoreOperations } from './store.ts';

export interface WorkerSettings {
  readonly file: string;
}

export type OperationName = keyof StoreOperations;

export type ToWorker =
  | {
      readonly kind: 'ask';
      readonly id: number;
      readonly name: OperationName;
      readonly input: readonly unknown[];
      /** The station's clock decides what time it is in the file. */
      readonly nowMs: number;
    }
  | { readonly kind: 'close' };

export type FromWorker =
  | { readonly kind: 'ready'; readonly result: Result<void> }
  | { readonly kind: 'answer'; readonly id: number; readonly result: Result<unknown>; readonly change?: StoreChange };
