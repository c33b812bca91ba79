/** The station's side: which TPM is this, and does the unit really hold it? */
import { timingSafeEqual } from 'node:crypto';
import type { Fault } from '../base/fault.ts';
import type { Random } from '../base/random.ts';
import { ok, type Result } from '../base/result.ts';
import { cc, rh, wellKnown } from './constants.ts';
import { makeCredential } from './credential.ts';
import { openCredential } from './endorsement.ts';
import { tpmFailed } from './faults.ts';
import { objectName } from './public-area.ts';
import { decodeStorageKey, ekTemplate, srkTemplate } from './templates.ts';
import type { Tpm } from './tpm.ts';

/** Whether the key was there already, or was made from the TCG template and kept at its handle. */
type KeySource = 'persistent' | 'template';

export interface TpmIdentity {
  /** TPM2B_PUBLIC. */
  readonly ek: Uint8Array;
  readonly ekSource: KeySource;
  /** TPM2B_PUBLIC. */
  readonly srk: Uint8Array;
  readonly srkSource: KeySource;
  /** DER, where the TPM's maker left one. */
  readonly ekCertificate?: Uint8Array;
}

/**
 * Persistent handles first, as every SDK does (dps-wire section 4.7); what is missing is made from the template and
 * persisted, so that the device's own client finds the same key later.
 */
export async function readTpmIdentity(tpm: Tpm): Promise<Result<TpmIdentity>> {
  const ek = await readOrCreate(tpm, { handle: wellKnown.ekHandle, hierarchy: rh.endorsement, template: ekTemplate });
  if (!ek.ok) return ek;
  const srk = await readOrCreate(tpm, { handle: wellKnown.srkHandle, hierarchy: rh.owner, template: srkTemplate });
  if (!srk.ok) return srk;
  const certificate = await readEkCertificate(tpm);
  if (!certificate.ok) return certificate;
  return ok({
    ek: ek.value.publicArea,
    ekSource: ek.value.source,
    srk: srk.value.publicArea,
    srkSource: srk.value.source,
    ...(certificate.value === undefined ? {} : { ekCertificate: certificate.value }),
  });
}

interface PrimaryKey {
  readonly handle: number;
  readonly hierarchy: number;
  readonly template: Uint8Array;
}

interface FoundKey {
  readonly publicArea: Uint8Array;
  readonly source: KeySource;
}

async function readOrCreate(tpm: Tpm, key: PrimaryKey): Promise<Result<FoundKey>> {
  const found = await tpm.readPublic(key.handle);
  if (found.ok) return supported(found.value.publicArea, 'persistent');
  if (found.fault.code !== 'tpm-handle-absent') return found;
  const created = await tpm.createPrimary(key.hierarchy, key.template);
  if (!created.ok) return created;
  try {
    const kept = await tpm.evictControl(created.value.handle, key.handle);
    return kept.ok ? supported(created.value.publicArea, 'template') : kept;
  } finally {
    await tpm.flush(created.value.handle);
  }
}

function supported(publicArea: Uint8Array, source: KeySource): Result<FoundKey> {
  const area = decodeStorageKey(publicArea);
  return area.ok ? ok({ publicArea: Uint8Array.from(publicArea), source }) : area;
}

/** Many TPMs have none, and some do not let it be read: that is for the batch's policy to judge. */
async function readEkCertificate(tpm: Tpm): Promise<Result<Uint8Array | undefined>> {
  const read = await tpm.readNv(wellKnown.ekCertificateIndex);
  if (read.ok) return ok(derOnly(read.value));
  const absent = read.fault.code === 'tpm-handle-absent' || read.fault.code === 'tpm-nv-refused';
  return absent ? ok(undefined) : read;
}

/** Some makers pad the index; the certificate ends where its outer SEQUENCE says (X.690, clause 8.1.3.5). */
function derOnly(bytes: Uint8Array): Uint8Array | undefined {
  const [tag, form, high, low] = bytes;
  if (tag === undefined || form === undefined || high === undefined || low === undefined) return undefined;
  // A certificate is longer than 255 and shorter than 65,536 bytes: the length takes two bytes.
  if (tag !== 0x30 || form !== 0x82) return undefined;
  const length = 4 + ((high << 8) | low);
  return length > bytes.length ? undefined : bytes.slice(0, length);
}

const challengeBytes = 32;
const seedBytes = 32;

/** What a TPM answers when the credential was made for other keys than it holds. */
const unprovenCodes: ReadonlySet<string> = new Set(['tpm-integrity', 'tpm-value-refused', 'tpm-handle-absent']);

function isUnproven(fault: Fault): boolean {
  return unprovenCodes.has(fault.code) && fault.detail?.['command'] === `0x${cc.activateCredential.toString(16)}`;
}

/** A secret that only the TPM with this EK and this SRK can open (Part 1, clause 24) must come back. */
export async function provePossession(
  tpm: Tpm,
  identity: Pick<TpmIdentity, 'ek' | 'srk'>,
  random: Random,
): Promise<Result<void>> {
  const name = objectName(identity.srk);
  if (!name.ok) return name;
  const secret = random.bytes(challengeBytes);
  const challenge = makeCredential({
    ek: identity.ek,
    name: name.value,
    credential: secret,
    seed: random.bytes(seedBytes),
  });
  if (!challenge.ok) return challenge;
  const answer = await openCredential(tpm, challenge.value);
  if (!answer.ok) {
    if (!isUnproven(answer.fault)) return answer;
    return tpmFailed('tpm-possession-unproven', { ...answer.fault.detail, cause: answer.fault.code });
  }
  const same = answer.value.length === secret.length && timingSafeEqual(answer.value, secret);
  return same ? ok() : tpmFailed('tpm-possession-unproven', { cause: 'wrong answer' });
}
