/** StartAuthSession, PolicySecret and ActivateCredential (Part 3, clauses 11.1, 23.4, 12.5). */
import { createHash } from 'node:crypto';
import { ByteReader, concatBytes, uint16, uint32 } from '../../../lib/base/bytes.ts';
import { alg, cc, rh } from '../../../lib/tpm/constants.ts';
import { readSized, sized } from '../../../lib/tpm/wire.ts';
import type { CommandSpec } from './command-spec.ts';
import { nameOf } from './object.ts';
import { openProtected, openSeed } from './protected-area.ts';
import { ofHandle, ofParameter, rc } from './rc.ts';
import { answer, refuse } from './request.ts';

const policySession = 1;
const minNonceBytes = 16;
const nonceBytes = 32;

/** Policy sessions without a bind or a salt: the only kind that the EK's policy needs. */
export const startAuthSession: CommandSpec = {
  code: cc.startAuthSession,
  handles: 2,
  authorised: 0,
  run(memory, request) {
    if (request.handles[0] !== rh.null) return refuse(ofHandle(rc.value, 1));
    if (request.handles[1] !== rh.null) return refuse(ofHandle(rc.value, 2));
    const { parameters } = request;
    const nonce = readSized(parameters);
    const salt = readSized(parameters);
    const type = parameters.uint8();
    const symmetric = parameters.uint16();
    const hash = parameters.uint16();
    if (nonce === undefined || nonce.length < minNonceBytes) return refuse(ofParameter(rc.size, 1));
    if (salt?.length !== 0) return refuse(ofParameter(rc.value, 2));
    if (type !== policySession) return refuse(ofParameter(rc.value, 3));
    if (symmetric !== alg.null) return refuse(ofParameter(rc.symmetric, 4));
    if (hash !== alg.sha256) return refuse(ofParameter(rc.hash, 5));
    const handle = memory.openSession();
    if (handle === undefined) return refuse(rc.sessionMemory);
    return { ...answer(sized(memory.random(nonceBytes))), handle };
  },
};

const authSecretTicketTag = 0x8023;

export const policySecret: CommandSpec = {
  code: cc.policySecret,
  handles: 2,
  authorised: 1,
  run(memory, request) {
    const [authority = 0, at = 0] = request.handles;
    const session = memory.sessions.get(at);
    if (session === undefined) return refuse(ofHandle(rc.value, 2));
    const object = memory.object(authority);
    if (object?.kind === 'sequence') return refuse(ofHandle(rc.value, 1));
    const policyRef = readPolicyRef(request.parameters);
    if (typeof policyRef === 'number') return refuse(policyRef);
    const name = object === undefined ? uint32(authority) : nameOf(object);
    // PolicyUpdate (Part 3, clause 23.2.3)
    const extended = sha256(session.digest, uint32(cc.policySecret), name);
    session.digest = sha256(extended, policyRef);
    const nullTicket = concatBytes(uint16(authSecretTicketTag), uint32(rh.null), sized());
    return answer(sized(), nullTicket);
  },
};

/** A limit on time or on one command is not needed here, and half of one would be worse than none: both are refused. */
function readPolicyRef(parameters: ByteReader): Uint8Array | number {
  const nonce = readSized(parameters);
  const commandHash = readSized(parameters);
  const policyRef = readSized(parameters);
  const expiration = parameters.uint32();
  if (nonce === undefined || policyRef === undefined) return ofParameter(rc.insufficient, 1);
  if (commandHash?.length !== 0) return ofParameter(rc.value, 2);
  return expiration === 0 ? policyRef : ofParameter(rc.value, 4);
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    createHash('sha256')
      .update(concatBytes(...parts))
      .digest(),
  );
}

export const activateCredential: CommandSpec = {
  code: cc.activateCredential,
  handles: 2,
  authorised: 2,
  run(memory, request) {
    const [activated, protector] = request.handles.map((handle) => memory.object(handle));
    if (activated === undefined || activated.kind === 'sequence') return refuse(ofHandle(rc.type, 1));
    if (protector?.kind !== 'storage') return refuse(ofHandle(rc.type, 2));
    const idObject = readSized(request.parameters);
    const encryptedSecret = readSized(request.parameters);
    if (idObject === undefined) return refuse(ofParameter(rc.size, 1));
    if (encryptedSecret === undefined) return refuse(ofParameter(rc.size, 2));
    const seed = openSeed(protector, 'IDENTITY', encryptedSecret);
    if (seed === undefined) return refuse(ofParameter(rc.value, 2));
    const opened = openProtected(seed, nameOf(activated), idObject);
    if (opened === undefined) return refuse(ofParameter(rc.integrity, 1));
    const identity = new ByteReader(opened);
    const credential = readSized(identity);
    if (credential === undefined || identity.remaining > 0) return refuse(ofParameter(rc.size, 1));
    return answer(sized(credential));
  },
};
