/** A device's side of the provisioning service over HTTPS (dps-wire 1): register, poll as told, look up. */
import { fromBase64, toBase64 } from '../base/bytes.ts';
import { backoffMs } from '../base/backoff.ts';
import type { CancelSignal } from '../base/cancel.ts';
import { sleep, type Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { dpsFault, isTransient, retryAfterMs, type DpsFault } from './faults.ts';
import {
  createHttpsCaller,
  type HttpsCaller,
  type HttpsReply,
  type ServerTime,
  type TlsClientIdentity,
} from './https-call.ts';
import { faultOfReply, retryAfterOf } from './reply-fault.ts';
import { createSasToken, type SasSigner } from './sas.ts';
import { registrationOperation, registrationState, tpmChallenge, type RegistrationOperation } from './wire.ts';

export interface DeviceEndpoint {
  readonly host: string;
  readonly port: number;
  readonly idScope: string;
  /** PEM; the system's roots when left out. */
  readonly caPem?: string;
}

/** Who the device is and what it proves that with. */
export type DeviceIdentity =
  | {
      readonly kind: 'tpm';
      readonly registrationId: string;
      /** TPM2B_PUBLIC of the endorsement key and of the storage root key (dps-wire 4.1). */
      readonly endorsementKey: Uint8Array;
      readonly storageRootKey: Uint8Array;
      /** Activates the blob in the TPM and gives a signer with the key inside it (dps-wire 4.6). */
      activate(blob: Uint8Array, signal?: CancelSignal): Promise<Result<SasSigner>>;
    }
  | { readonly kind: 'x509'; readonly registrationId: string; readonly tls: TlsClientIdentity };

export interface DeviceAssignment {
  readonly registrationId: string;
  readonly assignedHub: string;
  readonly deviceId: string;
  readonly substatus: string | undefined;
  /** TPM only: the second blob; activated, it gives the hub's key for this device. */
  readonly hubKeyBlob: Uint8Array | undefined;
  readonly payload: unknown;
}

export interface DeviceRegistrationView {
  readonly status: string;
  readonly assignedHub: string | undefined;
  readonly deviceId: string | undefined;
  readonly errorMessage: string | undefined;
}

export interface RegisterOptions {
  readonly payload?: unknown;
  readonly signal?: CancelSignal;
  readonly onProgress?: (step: 'registering' | 'activating' | 'assigning') => void;
}

export interface DeviceClient {
  register(identity: DeviceIdentity, options?: RegisterOptions): Promise<Result<DeviceAssignment>>;
  /** dps-wire 1.1: what the service holds of this device, without a new registration. */
  lookUp(identity: DeviceIdentity, signal?: CancelSignal): Promise<Result<DeviceRegistrationView>>;
}

export interface DeviceClientParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly onServerTime?: (time: ServerTime) => void;
  /** The whole registration; after that the device starts over by itself. Default 5 minutes. */
  readonly maxRegistrationMs?: number;
}

const apiVersion = '2019-03-31';
// dps-wire 1.7: the SDKs' tokens live an hour.
const tokenLifeS = 3_600;
// A registration under way for longer than this is stuck, not slow: hubs answer within seconds.
const defaultMaxRegistrationMs = 5 * 60_000;
// Without a word from the service the SDKs poll every 2 s.
const defaultPollMs = 2_000;
// In a row, on one step; more means that the service is away, and the device's own boot loop decides.
const maxTransientFaults = 6;
const transientBackoff = { firstMs: 500, maxMs: 10_000 };

interface Session {
  readonly endpoint: DeviceEndpoint;
  readonly identity: DeviceIdentity;
  readonly caller: HttpsCaller;
  readonly parts: DeviceClientParts;
  readonly deadlineMs: number;
  readonly signal: CancelSignal | undefined;
}

export function createDeviceClient(endpoint: DeviceEndpoint, parts: DeviceClientParts): DeviceClient {
  const within = async <T>(
    identity: DeviceIdentity,
    signal: CancelSignal | undefined,
    work: (session: Session) => Promise<Result<T>>,
  ): Promise<Result<T>> => {
    const caller = createHttpsCaller(
      {
        name: 'the provisioning service',
        host: endpoint.host,
        port: endpoint.port,
        ...(endpoint.caPem === undefined ? {} : { caPem: endpoint.caPem }),
        ...(identity.kind === 'x509' ? { client: identity.tls } : {}),
      },
      { clock: parts.clock, onServerTime: parts.onServerTime },
    );
    const deadlineMs = parts.clock.monotonicMs() + (parts.maxRegistrationMs ?? defaultMaxRegistrationMs);
    try {
      return await work({ endpoint, identity, caller, parts, deadlineMs, signal });
    } finally {
      caller.close();
    }
  };
  return {
    register: (identity, options = {}) =>
      within(identity, options.signal, (session) => registerAndPoll(session, options)),
    lookUp: (identity, signal) => within(identity, signal, lookUpState),
  };
}

async function registerAndPoll(session: Session, options: RegisterOptions): Promise<Result<DeviceAssignment>> {
  options.onProgress?.('registering');
  const body = registrationBody(session.identity, options.payload);
  const started = await authorized(session, options, (authorization) =>
    persist(session, { method: 'PUT', path: devicePath(session, '/register'), json: body, authorization }),
  );
  if (!started.ok) return started;
  options.onProgress?.('assigning');
  const { authorization } = started.value;
  let reply = started.value.reply;
  for (;;) {
    const operation = operationOf(reply, session);
    if (!operation.ok) return operation;
    if (operation.value.status !== 'assigning' && operation.value.status !== 'unassigned') {
      return assignmentOf(operation.value, session.identity);
    }
    const waited = await waitFor(session, retryAfterOf(reply, session.parts.clock) ?? defaultPollMs);
    if (!waited.ok) return waited;
    const path = devicePath(session, `/operations/${encodeURIComponent(operation.value.operationId)}`);
    const polled = await persist(session, { method: 'GET', path, authorization });
    if (!polled.ok) return polled;
    reply = polled.value;
  }
}

async function lookUpState(session: Session): Promise<Result<DeviceRegistrationView>> {
  const json = registrationBody(session.identity, undefined);
  const found = await authorized(session, {}, (authorization) =>
    persist(session, { method: 'POST', path: devicePath(session, ''), json, authorization }),
  );
  if (!found.ok) return found;
  const { reply } = found.value;
  if (reply.status >= 300) return failed(faultOfReply(reply, peerName, session.parts.clock));
  const state = registrationState.safeParse(reply.json).data;
  if (state === undefined) return unreadable('the registration is incomplete');
  return ok({
    status: state.status,
    assignedHub: state.assignedHub ?? undefined,
    deviceId: state.deviceId ?? undefined,
    errorMessage: state.errorMessage ?? undefined,
  });
}

const peerName = 'the provisioning service';

interface Authorized {
  readonly reply: HttpsReply;
  readonly authorization: string | undefined;
}

/** For a TPM: first without a token, then with one signed by the key out of the challenge (dps-wire 1.8). */
async function authorized(
  session: Session,
  options: RegisterOptions,
  send: (authorization: string | undefined) => Promise<Result<HttpsReply>>,
): Promise<Result<Authorized>> {
  const { identity } = session;
  const first = await send(undefined);
  if (!first.ok) return first;
  if (identity.kind === 'x509' || first.value.status !== 401)
    return ok({ reply: first.value, authorization: undefined });
  options.onProgress?.('activating');
  const token = await answerChallenge(session, identity, first.value);
  if (!token.ok) return token;
  const second = await send(token.value);
  return second.ok ? ok({ reply: second.value, authorization: token.value }) : second;
}

async function answerChallenge(
  session: Session,
  identity: DeviceIdentity & { readonly kind: 'tpm' },
  reply: HttpsReply,
): Promise<Result<string>> {
  const { clock } = session.parts;
  const challenge = tpmChallenge.safeParse(reply.json).data;
  const blob = fromBase64(challenge?.authenticationKey ?? '?');
  if (challenge === undefined || blob === undefined) {
    const refusal = faultOfReply(reply, peerName, clock);
    return failed(dpsFault('challenge-missing', { message: String(refusal.detail?.['message']) }));
  }
  const signer = await identity.activate(blob, session.signal);
  if (!signer.ok) return signer;
  const resource = `${session.endpoint.idScope}/registrations/${identity.registrationId}`;
  const expiresAtS = Math.floor(clock.nowMs() / 1_000) + tokenLifeS;
  return createSasToken({ resource, expiresAtS, keyName: challenge.keyName }, signer.value);
}

interface PersistentCall {
  readonly method: 'PUT' | 'GET' | 'POST';
  readonly path: string;
  readonly json?: unknown;
  readonly authorization: string | undefined;
}

/** Every call of this API may be repeated: the service knows the device by its id. */
async function persist(session: Session, call: PersistentCall): Promise<Result<HttpsReply>> {
  const { clock, random } = session.parts;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await session.caller.call({
      ...call,
      headers: requestHeaders(call, random),
      signal: session.signal,
    });
    if (answer.ok && answer.value.status !== 429 && answer.value.status < 500) return answer;
    const fault = answer.ok ? faultOfReply(answer.value, peerName, clock) : answer.fault;
    if (attempt > maxTransientFaults || !isTransient(fault)) return failed(fault);
    const waitMs = retryAfterMs(fault) ?? backoffMs(attempt, random.fraction(), transientBackoff);
    const waited = await waitFor(session, waitMs);
    // What kept us waiting says more than that the time is over.
    if (!waited.ok) return waited.fault.code === 'call-cancelled' ? waited : failed(fault);
  }
}

function requestHeaders(call: PersistentCall, random: Random): Record<string, string> {
  const requestId = { 'request-id': random.uuid() };
  return call.authorization === undefined ? requestId : { ...requestId, authorization: call.authorization };
}

async function waitFor(session: Session, ms: number): Promise<Result<void>> {
  const { clock } = session.parts;
  if (clock.monotonicMs() + ms > session.deadlineMs) {
    const seconds = Math.round((session.parts.maxRegistrationMs ?? defaultMaxRegistrationMs) / 1_000);
    return failed(dpsFault('registration-timed-out', { seconds }));
  }
  await sleep(clock, ms, session.signal);
  return session.signal?.aborted === true ? failed(dpsFault('call-cancelled', { peer: peerName })) : ok();
}

function registrationBody(identity: DeviceIdentity, payload: unknown): Record<string, unknown> {
  const tpm = identity.kind === 'tpm' && {
    endorsementKey: toBase64(identity.endorsementKey),
    storageRootKey: toBase64(identity.storageRootKey),
  };
  return {
    registrationId: identity.registrationId,
    ...(tpm === false ? {} : { tpm }),
    ...(payload === undefined ? {} : { payload }),
  };
}

function devicePath(session: Session, rest: string): string {
  const scope = encodeURIComponent(session.endpoint.idScope);
  const id = encodeURIComponent(session.identity.registrationId);
  return `/${scope}/registrations/${id}${rest}?api-version=${apiVersion}`;
}

function operationOf(reply: HttpsReply, session: Session): Result<RegistrationOperation> {
  if (reply.status >= 300) return failed(faultOfReply(reply, peerName, session.parts.clock));
  const operation = registrationOperation.safeParse(reply.json).data;
  return operation === undefined ? unreadable('the operation is incomplete') : ok(operation);
}

function assignmentOf(operation: RegistrationOperation, identity: DeviceIdentity): Result<DeviceAssignment> {
  const state = operation.registrationState ?? {};
  if (operation.status !== 'assigned') return failed(refusalOf(operation));
  const { assignedHub = null, deviceId = null } = state;
  if (assignedHub === null || deviceId === null) return unreadable('the assignment names no hub or no device');
  const hubKeyBlob = identity.kind === 'tpm' ? hubKeyBlobOf(operation) : undefined;
  if (identity.kind === 'tpm' && hubKeyBlob === undefined) {
    return unreadable('the assignment carries no key for the hub');
  }
  return ok({
    registrationId: identity.registrationId,
    assignedHub,
    deviceId,
    substatus: state.substatus ?? undefined,
    hubKeyBlob,
    payload: state.payload,
  });
}

function hubKeyBlobOf(operation: RegistrationOperation): Uint8Array | undefined {
  const text = operation.registrationState?.tpm?.authenticationKey ?? '';
  return text === '' ? undefined : fromBase64(text);
}

function refusalOf(operation: RegistrationOperation): DpsFault {
  const state = operation.registrationState;
  const message = state?.errorMessage ?? 'without a reason';
  return dpsFault('registration-failed', { status: operation.status, message, errorCode: state?.errorCode ?? 0 });
}

function unreadable(reason: string): Result<never> {
  return failed(dpsFault('reply-unreadable', { peer: peerName, reason }));
}
