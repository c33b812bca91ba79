/**
 * Two slots for one thing: the new one is written beside the old one and read back, and only then becomes the one in
 * use [LINK-6.6]. A power cut at any point leaves the old one or the new one, whole. The old one stays out of use until it
 * is retired [LINK-7.2].
 */
import { createHash } from 'node:crypto';
import { concatBytes, equalBytes, fromUtf8, utf8 } from '../lib/base/bytes.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import { agentFault } from './faults.ts';
import type { StateFolder } from './state-folder.ts';

export interface Slots {
  /** Undefined when nothing was ever committed. */
  read(): Promise<Result<Uint8Array | undefined>>;
  write(content: Uint8Array): Promise<Result<void>>;
  /** Drops the one that is out of use. */
  retire(): Promise<Result<void>>;
}

const digestBytes = 32;

/** @param what for faults and file names: `certificates`, `settings` */
export function createSlots(folder: StateFolder, what: string): Slots {
  const pointer = `${what}.slot`;
  const inUse = async (): Promise<Result<'a' | 'b' | undefined>> => {
    const read = await folder.read(pointer);
    if (!read.ok) return read;
    const name = read.value === undefined ? undefined : fromUtf8(read.value);
    if (name === undefined || name === 'a' || name === 'b') return ok(name);
    return failed(agentFault('agent-state-damaged', { what }));
  };
  const readSlot = async (slot: 'a' | 'b'): Promise<Result<Uint8Array>> => {
    const read = await folder.read(`${what}.${slot}`);
    if (!read.ok) return read;
    const content = read.value?.subarray(digestBytes);
    const isSound = read.value !== undefined && content !== undefined && equalBytes(sealed(content), read.value);
    return isSound ? ok(content) : failed(agentFault('agent-state-damaged', { what }));
  };
  return {
    async read() {
      const slot = await inUse();
      if (!slot.ok) return slot;
      return slot.value === undefined ? ok(undefined) : readSlot(slot.value);
    },
    async write(content) {
      const slot = await inUse();
      // A damaged pointer has nothing to keep: slot a is as good as b.
      const spare = slot.ok && slot.value === 'a' ? 'b' : 'a';
      const staged = await folder.write(`${what}.${spare}`, sealed(content));
      if (!staged.ok) return staged;
      const verified = await readSlot(spare);
      if (!verified.ok) return verified;
      return folder.write(pointer, utf8(spare));
    },
    async retire() {
      const slot = await inUse();
      if (!slot.ok || slot.value === undefined) return slot.ok ? ok() : slot;
      return folder.remove(`${what}.${slot.value === 'a' ? 'b' : 'a'}`);
    },
  };
}

/** The content after its SHA-256: a slot that was cut or has rotted is known as such. */
function sealed(content: Uint8Array): Uint8Array {
  return concatBytes(createHash('sha256').update(content).digest(), content);
}
