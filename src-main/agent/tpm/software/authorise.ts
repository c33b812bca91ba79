/** Whether a command may use what it names (Part 1, clause 19): by password, or by a satisfied policy. */
import { timingSafeEqual } from 'node:crypto';
import { equalBytes } from '../../../lib/base/bytes.ts';
import { rh, wellKnown } from '../../../lib/tpm/constants.ts';
import type { Memory } from './memory.ts';
import { areaOf, objectBit, type Transient } from './object.ts';
import { ofSession, rc } from './rc.ts';
import type { Authorisation, Request } from './request.ts';

const passwordless: ReadonlySet<number> = new Set([rh.owner, rh.endorsement, rh.null]);

/** The code of the first refusal; success when all are allowed. The handles were found to exist before. */
export function authorise(memory: Memory, request: Request, count: number): number {
  for (let at = 0; at < count; at += 1) {
    const handle = request.handles[at];
    const authorisation = request.authorisations[at];
    if (handle === undefined || authorisation === undefined) return rc.authMissing;
    const code =
      authorisation.session === rh.password
        ? byPassword(memory.object(handle), handle, { authorisation, number: at + 1 })
        : byPolicy(memory, handle, { authorisation, number: at + 1 });
    if (code !== rc.success) return code;
  }
  return rc.success;
}

interface Numbered {
  readonly authorisation: Authorisation;
  readonly number: number;
}

function byPassword(object: Transient | undefined, handle: number, { authorisation, number }: Numbered): number {
  const { secret } = authorisation;
  if (object === undefined) return ofPlainEntity(handle, secret, number);
  const attributes = object.kind === 'sequence' ? objectBit.userWithAuth | objectBit.noDa : areaOf(object).attributes;
  if ((attributes & objectBit.userWithAuth) === 0) return rc.authUnavailable;
  const auth = object.kind === 'storage' ? new Uint8Array(0) : object.auth;
  if (auth.length === secret.length && timingSafeEqual(auth, secret)) return rc.success;
  return ofSession((attributes & objectBit.noDa) === 0 ? rc.authFail : rc.badAuth, number);
}

/** A hierarchy, or the certificate's NV index: all have the empty password here. */
function ofPlainEntity(handle: number, secret: Uint8Array, number: number): number {
  const isOpen = passwordless.has(handle) || handle === wellKnown.ekCertificateIndex;
  if (!isOpen) return ofSession(rc.value, number);
  return secret.length === 0 ? rc.success : ofSession(rc.badAuth, number);
}

function byPolicy(memory: Memory, handle: number, { authorisation, number }: Numbered): number {
  const session = memory.sessions.get(authorisation.session);
  if (session === undefined) return rc.referenceS0 + number - 1;
  const object = memory.object(handle);
  if (object === undefined || object.kind === 'sequence') return ofSession(rc.policyFail, number);
  const { authPolicy } = areaOf(object);
  if (authPolicy.length === 0) return rc.authUnavailable;
  return equalBytes(authPolicy, session.digest) ? rc.success : ofSession(rc.policyFail, number);
}
