/** Every command the software TPM knows, and the checks each one passes first (Part 3, clause 5). */
import { handleRange, wellKnown } from '../../../lib/tpm/constants.ts';
import { authorise } from './authorise.ts';
import type { CommandSpec } from './command-spec.ts';
import { hmac, hmacStart, sequenceComplete, sequenceUpdate } from './hmac-commands.ts';
import { getCapability, getRandom, nvRead, nvReadPublic, selfTest, startup } from './info-commands.ts';
import { evictControl, flushContext, importKey, load, readPublic } from './key-commands.ts';
import type { Memory } from './memory.ts';
import { activateCredential, policySecret, startAuthSession } from './policy-commands.ts';
import { createPrimary } from './primary-commands.ts';
import { ofHandle, rc } from './rc.ts';
import { encodeReply, readHeader, readRequest, refuse, type Reply, type Request } from './request.ts';

const commands: ReadonlyMap<number, CommandSpec> = new Map(
  [
    ...[createPrimary, readPublic, importKey, load, evictControl, flushContext],
    ...[startAuthSession, policySecret, activateCredential],
    ...[hmac, hmacStart, sequenceUpdate, sequenceComplete],
    ...[getCapability, getRandom, nvReadPublic, nvRead, selfTest, startup],
  ].map((command) => [command.code, command]),
);

/** One command buffer in, one response buffer out; whatever the bytes are. */
export async function runCommand(memory: Memory, command: Uint8Array): Promise<Uint8Array> {
  const header = readHeader(command);
  if (typeof header === 'number') return encodeReply(refuse(header), []);
  const spec = commands.get(header.code);
  if (spec === undefined) return encodeReply(refuse(rc.commandCode), []);
  const request = readRequest(header, spec.handles, spec.authorised);
  if (typeof request === 'number') return encodeReply(refuse(request), []);
  const reply = await runRequest(memory, spec, request);
  if (reply.rc === rc.success) endSessions(memory, request);
  return encodeReply(reply, request.authorisations);
}

async function runRequest(memory: Memory, spec: CommandSpec, request: Request): Promise<Reply> {
  const missing = missingHandle(memory, request.handles);
  if (missing !== rc.success) return refuse(missing);
  const refusal = authorise(memory, request, spec.authorised);
  return refusal === rc.success ? spec.run(memory, request) : refuse(refusal);
}

/** A session goes with the command unless it is asked to stay: TPMA_SESSION_CONTINUESESSION (Part 2, clause 8.4). */
function endSessions(memory: Memory, request: Request): void {
  for (const { session, attributes } of request.authorisations) {
    if ((attributes & 1) === 0 && memory.sessions.has(session)) memory.letGo(session);
  }
}

function missingHandle(memory: Memory, handles: readonly number[]): number {
  for (const [at, handle] of handles.entries()) {
    switch ((handle & 0xff000000) >>> 0) {
      case handleRange.transient:
      case handleRange.policySession:
      case handleRange.hmacSession:
        if (!isHeld(memory, handle)) return rc.referenceH0 + at;
        break;
      case handleRange.persistent:
        if (!isHeld(memory, handle)) return ofHandle(rc.handle, at + 1);
        break;
      case 0x01000000:
        if (handle !== wellKnown.ekCertificateIndex) return ofHandle(rc.handle, at + 1);
        break;
      default:
        break;
    }
  }
  return rc.success;
}

function isHeld(memory: Memory, handle: number): boolean {
  return memory.object(handle) !== undefined || memory.sessions.has(handle);
}
