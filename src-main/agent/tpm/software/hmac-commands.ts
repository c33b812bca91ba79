/** HMAC in one command or as a sequence (Part 3, clauses 15.4 and 17). */
import { createHmac } from 'node:crypto';
import { uint16, uint32 } from '../../../lib/base/bytes.ts';
import { alg, cc, rh } from '../../../lib/tpm/constants.ts';
import { readSized, sized } from '../../../lib/tpm/wire.ts';
import type { CommandSpec } from './command-spec.ts';
import type { Memory } from './memory.ts';
import type { HmacKey, HmacSequence } from './object.ts';
import { ofHandle, ofParameter, rc } from './rc.ts';
import { answer, refuse, type Request } from './request.ts';

/** TPM_PT_INPUT_BUFFER (MAX_DIGEST_BUFFER): what one command takes. */
export const inputBufferBytes = 1_024;

function readBuffer(request: Request): Uint8Array | undefined {
  const buffer = readSized(request.parameters);
  return buffer === undefined || buffer.length > inputBufferBytes ? undefined : buffer;
}

function keyOf(memory: Memory, request: Request): HmacKey | undefined {
  const key = memory.object(request.handles[0] ?? 0);
  return key?.kind === 'hmac' ? key : undefined;
}

/** The key's own scheme is SHA-256, so that hash or none may be named. */
function isItsHash(hash: number | undefined): boolean {
  return hash === alg.sha256 || hash === alg.null;
}

export const hmac: CommandSpec = {
  code: cc.hmac,
  handles: 1,
  authorised: 1,
  run(memory, request) {
    const key = keyOf(memory, request);
    if (key === undefined) return refuse(ofHandle(rc.type, 1));
    const buffer = readBuffer(request);
    if (buffer === undefined) return refuse(ofParameter(rc.size, 1));
    if (!isItsHash(request.parameters.uint16())) return refuse(ofParameter(rc.value, 2));
    return answer(sized(createHmac('sha256', key.key).update(buffer).digest()));
  },
};

export const hmacStart: CommandSpec = {
  code: cc.hmacStart,
  handles: 1,
  authorised: 1,
  run(memory, request) {
    const key = keyOf(memory, request);
    if (key === undefined) return refuse(ofHandle(rc.type, 1));
    const auth = readSized(request.parameters);
    if (auth === undefined || auth.length > 32) return refuse(ofParameter(rc.size, 1));
    if (!isItsHash(request.parameters.uint16())) return refuse(ofParameter(rc.value, 2));
    const handle = memory.hold({ kind: 'sequence', auth: auth.slice(), hmac: createHmac('sha256', key.key) });
    return handle === undefined ? refuse(rc.objectMemory) : { ...answer(), handle };
  },
};

function sequenceOf(memory: Memory, request: Request): HmacSequence | undefined {
  const sequence = memory.object(request.handles[0] ?? 0);
  return sequence?.kind === 'sequence' ? sequence : undefined;
}

export const sequenceUpdate: CommandSpec = {
  code: cc.sequenceUpdate,
  handles: 1,
  authorised: 1,
  run(memory, request) {
    const sequence = sequenceOf(memory, request);
    if (sequence === undefined) return refuse(ofHandle(rc.mode, 1));
    const buffer = readBuffer(request);
    if (buffer === undefined) return refuse(ofParameter(rc.size, 1));
    sequence.hmac.update(buffer);
    return answer();
  },
};

const hashCheckTicketTag = 0x8024;

export const sequenceComplete: CommandSpec = {
  code: cc.sequenceComplete,
  handles: 1,
  authorised: 1,
  run(memory, request) {
    const sequence = sequenceOf(memory, request);
    if (sequence === undefined) return refuse(ofHandle(rc.mode, 1));
    const buffer = readBuffer(request);
    if (buffer === undefined) return refuse(ofParameter(rc.size, 1));
    if (request.parameters.uint32() === undefined) return refuse(ofParameter(rc.insufficient, 2));
    memory.letGo(request.handles[0] ?? 0);
    const digest = sequence.hmac.update(buffer).digest();
    // An HMAC gets no ticket (Part 3, clause 17.5)
    return answer(sized(digest), uint16(hashCheckTicketTag), uint32(rh.null), sized());
  },
};
