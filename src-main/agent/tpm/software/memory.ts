/** The software TPM's memory: a few transient places and sessions, and what its state file keeps. */
import { randomBytes } from 'node:crypto';
import { ok, type Result } from '../../../lib/base/result.ts';
import { handleRange } from '../../../lib/tpm/constants.ts';
import type { Transient, TpmKey } from './object.ts';
import { type TpmState, writeState } from './state.ts';

// As few as a TPM must have (and swtpm has): whoever forgets to flush finds out here, not on the line.
const transientPlaces = 3;
const sessionPlaces = 3;

interface PolicySession {
  digest: Uint8Array;
}

export interface Memory {
  readonly state: TpmState;
  readonly transient: ReadonlyMap<number, Transient>;
  readonly sessions: ReadonlyMap<number, PolicySession>;
  /** A transient or a persistent object. */
  object(handle: number): Transient | undefined;
  /** Undefined when all places are taken. */
  hold(object: Transient): number | undefined;
  openSession(): number | undefined;
  /** Whether there was anything to let go. */
  letGo(handle: number): boolean;
  /** Durable once it returns well; otherwise nothing has changed. */
  keep(change: (state: TpmState) => TpmState): Promise<Result<void>>;
  random(count: number): Uint8Array;
}

export function createMemory(stateFile: string, initial: TpmState): Memory {
  let state = initial;
  const transient = new Map<number, Transient>();
  const sessions = new Map<number, PolicySession>();
  return {
    get state() {
      return state;
    },
    transient,
    sessions,
    object: (handle): Transient | TpmKey | undefined => transient.get(handle) ?? state.persistent.get(handle),
    hold(object) {
      const handle = freeHandle(transient, handleRange.transient, transientPlaces);
      if (handle !== undefined) transient.set(handle, object);
      return handle;
    },
    openSession() {
      const handle = freeHandle(sessions, handleRange.policySession, sessionPlaces);
      if (handle !== undefined) sessions.set(handle, { digest: new Uint8Array(32) });
      return handle;
    },
    letGo: (handle) => transient.delete(handle) || sessions.delete(handle),
    async keep(change) {
      const next = change(state);
      const written = await writeState(stateFile, next);
      if (!written.ok) return written;
      state = next;
      return ok();
    },
    random: (count) => Uint8Array.from(randomBytes(count)),
  };
}

function freeHandle(taken: ReadonlyMap<number, unknown>, first: number, places: number): number | undefined {
  return Array.from({ length: places }, (_, at) => first + at).find((handle) => !taken.has(handle));
}
