/** The commands we need of a TPM 2.0 (Part 3), each a method that returns its outcome. Knows no transport. */
import type { ByteReader } from '../base/bytes.ts';
import { concatBytes, uint16, uint32 } from '../base/bytes.ts';
import type { CancelSignal } from '../base/cancel.ts';
import type { Clock } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import type { TpmCommand, TpmResponse } from './command.ts';
import { alg, cap, cc, rh } from './constants.ts';
import { done, exchange, read, type Run, type TpmLine } from './exchange.ts';
import { tpmFailed } from './faults.ts';
import { hmacSequence } from './hmac-sequence.ts';
import { readNvIndex } from './nv.ts';
import type { TpmTransport } from './types.ts';
import { readSized, readSizedWhole, sized } from './wire.ts';

interface NamedPublic {
  /** TPM2B_PUBLIC. */
  readonly publicArea: Uint8Array;
  readonly name: Uint8Array;
}

interface LoadedObject extends NamedPublic {
  /** Transient: to be flushed by whoever asked for it. */
  readonly handle: number;
}

interface ActivateInput {
  readonly srkHandle: number;
  readonly ekHandle: number;
  /** A policy session that satisfies the EK's policy. */
  readonly session: number;
  /** TPM2B_ID_OBJECT. */
  readonly idObject: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Uint8Array;
}

interface ImportInput {
  readonly parent: number;
  readonly innerKey: Uint8Array;
  /** TPM2B_PUBLIC, TPM2B_PRIVATE and TPM2B_ENCRYPTED_SECRET. */
  readonly publicArea: Uint8Array;
  readonly duplicate: Uint8Array;
  readonly encryptedSeed: Uint8Array;
}

/** Startup and self-test are not here: a TPM that asks for one gets it (exchange.ts). */
export interface Tpm {
  readPublic(handle: number): Promise<Result<NamedPublic>>;
  createPrimary(hierarchy: number, template: Uint8Array): Promise<Result<LoadedObject>>;
  /** The whole contents of an NV index that may be read without a password. */
  readNv(index: number): Promise<Result<Uint8Array>>;
  /** An unbound, unsalted policy session; to be flushed. */
  startPolicySession(): Promise<Result<number>>;
  /** PolicySecret with the empty password of `authority`. */
  policySecret(authority: number, session: number): Promise<Result<void>>;
  activateCredential(input: ActivateInput): Promise<Result<Uint8Array>>;
  /** TPM2B_PRIVATE under the parent. */
  importKey(input: ImportInput): Promise<Result<Uint8Array>>;
  load(parent: number, privateArea: Uint8Array, publicArea: Uint8Array): Promise<Result<number>>;
  /** Makes a transient object persistent, or removes a persistent one where both are the same. */
  evictControl(object: number, persistentHandle: number): Promise<Result<void>>;
  /** HMAC-SHA256 by a loaded key, in one command or a sequence, as the TPM's input buffer allows. */
  hmac(key: number, data: Uint8Array): Promise<Result<Uint8Array>>;
  flush(handle: number): Promise<Result<void>>;
  /** One TPM_PT property. */
  property(property: number): Promise<Result<number>>;
  /** Handles in use, from `first` on and of the same kind (TPM_CAP_HANDLES). */
  handles(first: number): Promise<Result<readonly number[]>>;
  random(count: number): Promise<Result<Uint8Array>>;
}

// One GetCapability answer lists at most 254 handles (Part 2, MAX_CAP_HANDLES); a TPM holds far fewer.
const maxHandles = 254;
/** Sessions here carry no HMAC, so this nonce protects nothing; 16 bytes is the least a TPM takes (Part 3, clause 11.1). */
const nonceCaller = new Uint8Array(16);
/** TPM2B_SENSITIVE_CREATE with no password and no data. */
const emptySensitive = sized(uint16(0), uint16(0));
const aes128Cfb = concatBytes(uint16(alg.aes), uint16(128), uint16(alg.cfb));
const policySessionType = Uint8Array.of(1);

/** A cancelled `signal` stops before the next command; flushing still happens, so that nothing is left behind. */
export function createTpm(transport: TpmTransport, clock: Clock, signal?: CancelSignal): Tpm {
  const uncancelled: TpmLine = { transport, clock };
  const line: TpmLine = signal === undefined ? uncancelled : { ...uncancelled, signal };
  const run = (command: TpmCommand): Promise<Result<TpmResponse>> => exchange(line, command);
  const property = (wanted: number): Promise<Result<number>> => readProperty(run, wanted);
  const flush = async (handle: number): Promise<Result<void>> =>
    done(await exchange(uncancelled, { code: cc.flushContext, parameters: [uint32(handle)] }));
  return {
    property,
    flush,
    ...objectCommands(run),
    ...policyCommands(run),
    ...secretCommands(run),
    handles: (first) => readHandles(run, first),
    readNv: (index) => readNvIndex({ run, property }, index),
    hmac: (key, data) => hmacSequence({ run, property, flush }, key, data),
    random: async (count) =>
      read(await run({ code: cc.getRandom, parameters: [uint16(count)] }), (answer) => readSized(answer)),
  };
}

type ObjectCommands = Pick<Tpm, 'readPublic' | 'createPrimary' | 'load' | 'evictControl'>;

function objectCommands(run: Run): ObjectCommands {
  return {
    readPublic: async (handle) =>
      read(await run({ code: cc.readPublic, handles: [handle] }), (answer) => {
        const publicArea = readSizedWhole(answer);
        const name = readSized(answer);
        return publicArea === undefined || name === undefined ? undefined : { publicArea, name };
      }),
    createPrimary: async (hierarchy, template) => {
      const parameters = [emptySensitive, template, uint16(0), uint32(0)];
      return read(
        await run({
          code: cc.createPrimary,
          handles: [hierarchy],
          sessions: ['password'],
          parameters,
          givesHandle: true,
        }),
        readCreated,
      );
    },
    load: async (parent, privateArea, publicArea) => {
      const parameters = [privateArea, publicArea];
      return read(
        await run({ code: cc.load, handles: [parent], sessions: ['password'], parameters, givesHandle: true }),
        (_body, handle) => handle,
      );
    },
    evictControl: async (object, persistentHandle) =>
      done(
        await run({
          code: cc.evictControl,
          handles: [rh.owner, object],
          sessions: ['password'],
          parameters: [uint32(persistentHandle)],
        }),
      ),
  };
}

/** After outPublic come creation data, its hash and its ticket (tag, hierarchy, digest), then the Name. */
function readCreated(answer: ByteReader, handle: number): LoadedObject | undefined {
  const publicArea = readSizedWhole(answer);
  const creationData = readSized(answer);
  const creationHash = readSized(answer);
  const ticketHead = answer.take(6);
  const ticketDigest = readSized(answer);
  const name = readSized(answer);
  if (creationData === undefined || creationHash === undefined || ticketHead === undefined) return undefined;
  if (publicArea === undefined || ticketDigest === undefined || name === undefined) return undefined;
  return { handle, publicArea, name };
}

type PolicyCommands = Pick<Tpm, 'startPolicySession' | 'policySecret'>;

function policyCommands(run: Run): PolicyCommands {
  return {
    startPolicySession: async () => {
      const noSymmetric = uint16(alg.null);
      const parameters = [sized(nonceCaller), sized(), policySessionType, noSymmetric, uint16(alg.sha256)];
      return read(
        await run({ code: cc.startAuthSession, handles: [rh.null, rh.null], parameters, givesHandle: true }),
        (_body, handle) => handle,
      );
    },
    policySecret: async (authority, session) => {
      // nonceTPM, cpHashA, policyRef, expiration: all empty, as in PolicySecret(TPM_RH_ENDORSEMENT) of the EK policy
      const parameters = [sized(), sized(), sized(), uint32(0)];
      return done(
        await run({ code: cc.policySecret, handles: [authority, session], sessions: ['password'], parameters }),
      );
    },
  };
}

type SecretCommands = Pick<Tpm, 'activateCredential' | 'importKey'>;

function secretCommands(run: Run): SecretCommands {
  return {
    activateCredential: async ({ srkHandle, ekHandle, session, idObject, encryptedSecret }) =>
      read(
        await runWithSecret(run, {
          code: cc.activateCredential,
          handles: [srkHandle, ekHandle],
          sessions: ['password', session],
          parameters: [idObject, encryptedSecret],
        }),
        (answer) => readSized(answer),
      ),
    importKey: async ({ parent, innerKey, publicArea, duplicate, encryptedSeed }) => {
      const parameters = [sized(innerKey), publicArea, duplicate, encryptedSeed, aes128Cfb];
      const answer = await runWithSecret(run, {
        code: cc.import,
        handles: [parent],
        sessions: ['password'],
        parameters,
      });
      return read(answer, (body) => readSizedWhole(body));
    },
  };
}

/**
 * swtpm says TPM_RC_FAILURE when a secret was encrypted to another key (seen on 0.7.1, where the specification has
 * TPM_RC_VALUE). A TPM that is really in failure mode refuses GetRandom too (Part 1, clause 12.4).
 */
async function runWithSecret(run: Run, command: TpmCommand): Promise<Result<TpmResponse>> {
  const response = await run(command);
  if (response.ok || response.fault.code !== 'tpm-failure-mode') return response;
  const isAlive = (await run({ code: cc.getRandom, parameters: [uint16(1)] })).ok;
  return isAlive ? tpmFailed('tpm-integrity', response.fault.detail) : response;
}

async function readProperty(run: Run, property: number): Promise<Result<number>> {
  const parameters = [uint32(cap.tpmProperties), uint32(property), uint32(1)];
  return read(await run({ code: cc.getCapability, parameters }), (answer) => {
    const head = [answer.uint8(), answer.uint32(), answer.uint32(), answer.uint32()];
    const value = answer.uint32();
    const asked = head[1] === cap.tpmProperties && head[2] === 1 && head[3] === property;
    return asked ? value : undefined;
  });
}

async function readHandles(run: Run, first: number): Promise<Result<readonly number[]>> {
  const parameters = [uint32(cap.handles), uint32(first), uint32(maxHandles)];
  return read(await run({ code: cc.getCapability, parameters }), (answer) => {
    const head = [answer.uint8(), answer.uint32()];
    const count = answer.uint32();
    if (head[1] !== cap.handles || count === undefined || count > maxHandles) return undefined;
    const handles = Array.from({ length: count }, () => answer.uint32());
    return handles.every((handle) => handle !== undefined) ? handles : undefined;
  });
}
