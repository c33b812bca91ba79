/** Where devices register, poll and look up (dps-wire 1); knows no wire. */
import type { Clock } from '../../lib/base/clock.ts';
import { isoTime } from '../../lib/base/host.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, must, ok, type Result } from '../../lib/base/result.ts';
import { toBase64, utf8 } from '../../lib/base/bytes.ts';
import { registrationId as registrationIdShape, wireTime } from '../../lib/dps/wire.ts';
import { createStorageKeyReader } from '../../lib/tpm/storage-key.ts';
import { createCertificateReader, type CertificateReader } from '../../lib/x509/certificate-reader.ts';
import { certificateInfo } from '../../lib/x509/certificate.ts';
import { attest } from './attestation.ts';
import { refused, type DeviceClaim, type Proven } from './claim.ts';
import { serviceFault, type ServiceFault } from './faults.ts';
import type { GroupKeys } from './group-keys.ts';
import { issueFor, requestIn } from './issuance.ts';
import { planRegistration } from './planning.ts';
import { checkPoll, proofOf } from './poll-proof.ts';
import type { PageOf, PageSlice, Precondition, Store } from './ports.ts';
import { keyOf, type Operation, type Registration } from './records.ts';
import type { SignerVault } from './signer-vault.ts';
import type { TpmChallenges } from './tpm-challenges.ts';
import type { SealingParts } from './tpm-proof.ts';

export interface RegistrationDeskParts {
  readonly idScope: string;
  readonly store: Store;
  readonly challenges: TpmChallenges;
  readonly groupKeys: GroupKeys;
  readonly signers: SignerVault;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** There is new work for the worker: this one, in the store already. */
  readonly onStarted: (operation: Operation) => void;
  /** Resolves when what is in hand for a registration has ended; undefined when nothing is. */
  readonly ended?: (registrationKey: string) => Promise<void> | undefined;
}

export type RegisterAnswer =
  | { readonly is: 'started'; readonly operation: OperationView }
  | { readonly is: 'challenge'; readonly authenticationKey: string };

export type LookUpAnswer =
  | { readonly is: 'found'; readonly state: Record<string, unknown> }
  | { readonly is: 'challenge'; readonly authenticationKey: string };

export type AdmitAnswer =
  { readonly is: 'admitted' } | { readonly is: 'challenge'; readonly authenticationKey: string };

export interface OperationView {
  readonly isDone: boolean;
  /** dps-wire 1.4. */
  readonly json: Record<string, unknown>;
}

export interface RegistrationDesk {
  /**
   * Whether this connection may go on, for wires that ask before the first request (a CONNECT, a SASL outcome): the
   * claim's body is empty. The enrollment and the proof are judged as `register` judges them; nothing is written.
   */
  admit(claim: DeviceClaim): Promise<Result<AdmitAnswer, ServiceFault>>;
  register(claim: DeviceClaim): Promise<Result<RegisterAnswer, ServiceFault>>;
  poll(claim: DeviceClaim, operationId: string): Promise<Result<OperationView, ServiceFault>>;
  lookUp(claim: DeviceClaim): Promise<Result<LookUpAnswer, ServiceFault>>;
  // for the service API
  get(registrationId: string): Promise<Result<Registration, ServiceFault>>;
  page(slice: PageSlice & { readonly groupKey?: string }): Promise<Result<PageOf<Registration>, ServiceFault>>;
  remove(registrationId: string, condition: Precondition): Promise<Result<void, ServiceFault>>;
}

// The issuers of the lines at work, and the leaves that are looked at more than once in one registration: some 500 of the
// usual size, and fewer of those that a stranger makes as large as they may be.
const maxCertificateMemory = 4 * 1_048_576;
// The two keys of each TPM that is at it; 7.7 kB each as measured, 8 MB in all.
const maxStorageKeys = 1_000;

export function createRegistrationDesk(given: RegistrationDeskParts): RegistrationDesk {
  const readCertificate = createCertificateReader(maxCertificateMemory);
  const parts = { ...given, readCertificate, readStorageKey: createStorageKeyReader(maxStorageKeys) };
  const { store } = parts;
  return {
    async admit(claim) {
      const checked = checkClaim(parts, claim);
      if (!checked.ok) return checked;
      const attested = await attest(parts, claim);
      if (!attested.ok) return attested;
      return ok(attested.value.is === 'challenge' ? attested.value : { is: 'admitted' });
    },
    async register(claim) {
      const checked = checkClaim(parts, claim);
      if (!checked.ok) return checked;
      const attested = await attest(parts, claim);
      if (!attested.ok) return attested;
      if (attested.value.is === 'challenge') return ok(attested.value);
      return start(parts, claim, attested.value);
    },
    async poll(claim, operationId) {
      const checked = checkClaim(parts, claim);
      if (!checked.ok) return checked;
      const operation = await store.operation(operationId);
      if (!operation.ok) return operation;
      let found = operation.value;
      if (found?.registrationKey !== keyOf(claim.registrationId)) {
        return failed(serviceFault('not-found', { what: 'The operation' }));
      }
      const mayHear = await checkPoll(store, found, claim);
      if (!mayHear.ok) return mayHear;
      if (found.outcome === undefined && (await endedSoon(parts, found.registrationKey))) {
        const again = await store.operation(operationId);
        if (!again.ok) return again;
        found = again.value ?? found;
      }
      const registration = await store.registration(found.registrationKey);
      if (!registration.ok) return registration;
      return ok(operationView({ operation: found, claim, registration: registration.value }, parts.readCertificate));
    },
    async lookUp(claim) {
      const checked = checkClaim(parts, claim);
      if (!checked.ok) return checked;
      // dps-wire 1.3.
      if (requestIn(claim) !== undefined) {
        return failed(serviceFault('invalid', { reason: 'A status look-up takes no csr.' }));
      }
      const attested = await attest(parts, claim);
      if (!attested.ok) return attested;
      if (attested.value.is === 'challenge') return ok(attested.value);
      const registration = await known(store, claim.registrationId);
      return registration.ok ? ok({ is: 'found', state: registrationToWire(registration.value) }) : registration;
    },
    get: (registrationId) => known(store, registrationId),
    page: (slice) => store.registrations(slice),
    async remove(registrationId, condition) {
      const registration = await known(store, registrationId);
      return registration.ok ? store.deleteRegistration(registration.value.key, condition) : registration;
    },
  };
}

// A hub answers within this, when it is well; a device that asks in vain asks again, and costs more than it waits here.
const maxHoldMs = 250;

/** A poll that comes while the hub is being written waits for its end, within a bound: false when there was none. */
function endedSoon(parts: RegistrationDeskParts, registrationKey: string): Promise<boolean> {
  const ended = parts.ended?.(registrationKey);
  if (ended === undefined) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    const cancel = parts.clock.after(maxHoldMs, () => {
      resolve(false);
    });
    ended.finally(cancel).then(() => {
      resolve(true);
    }, reject);
  });
}

async function known(store: Store, registrationId: string): Promise<Result<Registration, ServiceFault>> {
  const registration = await store.registration(keyOf(registrationId));
  if (!registration.ok) return registration;
  if (registration.value !== undefined) return ok(registration.value);
  return failed(serviceFault('not-found', { what: 'The registration' }));
}

/** An unknown scope is told like a wrong credential: nobody learns what exists (dps-wire 13 item 2). */
function checkClaim(parts: RegistrationDeskParts, claim: DeviceClaim): Result<void, ServiceFault> {
  const { registrationId, body } = claim;
  if (!registrationIdShape.safeParse(registrationId).success) {
    return failed(serviceFault('invalid', { reason: 'The registration id is not valid.' }));
  }
  if (body.registrationId && keyOf(body.registrationId) !== keyOf(registrationId)) {
    return failed(serviceFault('invalid', { reason: 'The registration id of the body differs from the address.' }));
  }
  return keyOf(claim.idScope) === keyOf(parts.idScope) ? ok() : refused('Unauthorized', 'unknown-scope');
}

// dps-wire 8.4.
const maxPayloadBytes = 96 * 1_024;

/** First the operation is on disk, then the device hears of it, then the hub is written. */
async function start(
  parts: RegistrationDeskParts & SealingParts,
  claim: DeviceClaim,
  attested: Proven,
): Promise<Result<RegisterAnswer, ServiceFault>> {
  const { enrollment } = attested;
  const { payload } = claim.body;
  if (payload !== undefined && utf8(JSON.stringify(payload)).length > maxPayloadBytes) {
    return failed(serviceFault('invalid', { reason: `The payload is larger than ${maxPayloadBytes} bytes.` }));
  }
  // An individual's spelling is its enrollment's; a group's device is named as it names itself (dps-wire 0.1).
  const registrationId = enrollment.kind === 'individual' ? enrollment.id : claim.registrationId;
  const registrationKey = keyOf(registrationId);
  const issued = await issueFor(parts, claim, enrollment);
  if (!issued.ok) return issued;
  const leaf = issued.value?.thumbprint;
  const planned = await planRegistration(parts, { attested, registrationId, registrationKey, leaf, payload });
  if (!planned.ok) return planned;
  const { fromGroup, ...work } = planned.value;
  if (fromGroup !== undefined)
    parts.log.warn('registration-changed-group', { registrationId, fromGroup, group: enrollment.id });
  const id = operationId(parts.random);
  const started = await parts.store.startOperations([
    {
      id,
      registrationKey,
      registrationId,
      proof: proofOf(attested),
      ...work,
      payload,
      issuedChain: issued.value?.chain,
      groupId: enrollment.kind === 'group' ? enrollment.id : undefined,
      etag: parts.random.uuid(),
      createdMs: parts.clock.nowMs(),
    },
  ]);
  if (!started.ok) return started;
  const [kept] = started.value;
  // The hub has been chosen: thousands may wait in hand, and what they sent along has up to 96 kB each.
  if (kept !== undefined) parts.onStarted({ ...kept, payload: undefined, issuedChain: undefined });
  // Rule 21: the first answer is `assigning`, however fast the rest is.
  return ok({ is: 'started', operation: { isDone: false, json: assigningJson(id, registrationId) } });
}

/** The observed shape: a digit, 16 hexadecimal digits, a GUID (dps-wire 1.4); nobody can guess it. */
function operationId(random: Random): string {
  // The ends of a UUID of version 4 are random throughout; the host makes UUIDs in stock.
  const digits = random.uuid();
  return `5.${digits.slice(0, 8)}${digits.slice(-8)}.${random.uuid()}`;
}

function assigningJson(operationIdText: string, registrationId: string): Record<string, unknown> {
  return {
    operationId: operationIdText,
    status: 'assigning',
    registrationState: { registrationId, status: 'assigning' },
  };
}

interface Polled {
  readonly operation: Operation;
  readonly claim: DeviceClaim;
  readonly registration: Registration | undefined;
}

function operationView({ operation, claim, registration }: Polled, readCertificate: CertificateReader): OperationView {
  const { outcome } = operation;
  const registrationId = registration?.id ?? claim.registrationId;
  // Rule 4: the operation id in every answer.
  if (outcome === undefined) return { isDone: false, json: assigningJson(operation.id, registrationId) };
  const state = {
    registrationId,
    createdDateTimeUtc: wireTime(isoTime(registration?.createdMs ?? operation.createdMs)),
    ...outcome,
    lastUpdatedDateTimeUtc: wireTime(isoTime(registration?.updatedMs ?? operation.createdMs)),
    // dps-wire 1.5: base64 of the quoted ETag.
    ...(registration === undefined ? {} : { etag: toBase64(utf8(`"${registration.etag}"`)) }),
    ...ofTheProof(operation, claim, readCertificate),
  };
  return { isDone: true, json: { operationId: operation.id, status: outcome.status, registrationState: state } };
}

/** dps-wire 1.5: what the device learns by how it proved itself, and what it asked to be issued. */
function ofTheProof(
  operation: Operation,
  claim: DeviceClaim,
  readCertificate: CertificateReader,
): Record<string, unknown> {
  const { proof, groupId, issuedChain, hubKeyBlob, outcome } = operation;
  const group = groupId === undefined ? {} : { enrollmentGroupId: groupId };
  const isAssigned = outcome?.status === 'assigned';
  // The leaf is the one that the operation was begun with: the poll has shown it again.
  const [leaf] = proof.kind === 'x509' ? claim.certificates : [];
  const shown = leaf === undefined ? {} : { certificateInfo: must(certificateInfo(leaf, readCertificate)) };
  return {
    ...(proof.kind === 'tpm' ? {} : { [proof.kind]: { ...shown, ...group } }),
    ...(hubKeyBlob === undefined ? {} : { tpm: { authenticationKey: hubKeyBlob } }),
    ...(isAssigned && issuedChain !== undefined ? { issuedCertificateChain: issuedChain } : {}),
  };
}

/** dps-wire 7.3: without what belongs to one attestation. */
export function registrationToWire(registration: Registration): Record<string, unknown> {
  const { id, assignedHub, deviceId, status, substatus, errorCode, errorMessage } = registration;
  const isAssigned = status === 'assigned';
  return {
    registrationId: id,
    createdDateTimeUtc: wireTime(isoTime(registration.createdMs)),
    ...(isAssigned ? { assignedHub, deviceId } : {}),
    status,
    ...(isAssigned && substatus !== undefined ? { substatus } : {}),
    ...(errorCode === undefined ? {} : { errorCode, errorMessage }),
    lastUpdatedDateTimeUtc: wireTime(isoTime(registration.updatedMs)),
    etag: `"${registration.etag}"`,
  };
}
