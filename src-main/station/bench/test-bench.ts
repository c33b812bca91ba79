/** A unit, a journal and a signer for unit tests of the bench: each writes down what it is asked, and can be told to refuse. */
import { utf8 } from '../../lib/base/bytes.ts';
import { faultMaker } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { Random } from '../../lib/base/random.ts';
import type { Batch, BatchId, BatchTerms, RegistrationId, UnitId } from '../batches/model.ts';
import type { BenchJournal, CommittedVerdict, DeviceSettings, DeviceSigner, Intent, UnitDriver } from './ports.ts';

export interface Script {
  /** What was asked, in order: `intend write-settings`, `unit writeSettings`. */
  readonly asked: string[];
  /** The phases in which runs ended without a pass. */
  readonly phases: string[];
  /** Refuses a call by its name with this fault code, as often as it is listed. */
  readonly refuse: { readonly call: string; readonly code: string }[];
  /** What the journal holds of a run whose commit gave no answer. */
  committed: CommittedVerdict | undefined;
  /** Called before each call is answered. */
  before: (call: string) => void | Promise<void>;
}

export function createScript(): Script {
  return { asked: [], phases: [], refuse: [], committed: undefined, before: () => undefined };
}

async function asked<T>(script: Script, call: string, value: () => T): Promise<Result<T>> {
  script.asked.push(call);
  await script.before(call);
  const at = script.refuse.findIndex((one) => one.call === call);
  const [refusal] = at < 0 ? [] : script.refuse.splice(at, 1);
  if (refusal === undefined) return ok(value());
  return failed(faultMaker({ [refusal.code]: { say: 'Refused.', hint: 'Try again.' } })(refusal.code));
}

export interface ScriptedUnit extends UnitDriver {
  readonly requestIds: string[];
}

export function scriptedUnit(script: Script, attestation: 'tpm' | 'x509'): ScriptedUnit {
  const requestIds: string[] = [];
  let chain: readonly Uint8Array[] = [];
  let settings: DeviceSettings | undefined;
  const act = (call: string, requestId: string, does: () => void): Promise<Result<void>> => {
    requestIds.push(requestId);
    return asked(script, `unit ${call}`, does);
  };
  const facts = { model: 'm', firmware: '1', serialNumber: 'SN1', attestations: [attestation] };
  return {
    capabilities: { settings: true, certificates: true, serialNumber: true },
    requestIds,
    connect: () => asked(script, 'unit connect', () => undefined),
    facts: () => asked(script, 'unit facts', () => facts),
    proveTpm: () =>
      asked(script, 'unit proveTpm', () => ({
        endorsementKey: utf8('ek'),
        storageRootKey: utf8('srk'),
        registrationId: 'a'.repeat(52),
      })),
    generateKey: (requestId) => act('generateKey', requestId, () => undefined),
    createCsr: (requestId) => {
      requestIds.push(requestId);
      return asked(script, 'unit createCsr', () => utf8('csr'));
    },
    writeCertificates: (requestId, written) => act('writeCertificates', requestId, () => void (chain = written)),
    readCertificates: () => asked(script, 'unit readCertificates', () => chain),
    writeSettings: (requestId, written) => act('writeSettings', requestId, () => void (settings = written)),
    readSettings: () => asked(script, 'unit readSettings', () => settings),
    boot: (requestId) => act('boot', requestId, () => undefined),
    wasAnswered: ({ code }) => code === 'device-refused' || code === 'link-id-reused',
    close: async () => void script.asked.push('unit close'),
  };
}

export function scriptedJournal(script: Script, open: readonly Intent[] = []): BenchJournal {
  return {
    begin: () => asked(script, 'begin', () => ({ unitId: 'u1' as UnitId, runNumber: 1, open, done: [], holdings: [] })),
    claim: (_run, claims) => asked(script, `claim ${claims.map(({ kind }) => kind).join(' ')}`, () => undefined),
    intend: (_run, { step }) => asked(script, `intend ${step}`, () => undefined),
    fulfil: (_run, { step }) => asked(script, `fulfil ${step}`, () => undefined),
    pass: () => asked(script, 'pass', () => undefined),
    end: (_run, { verdict, fault, phase }) => {
      script.phases.push(phase);
      return asked(script, `end ${verdict} ${fault.code}`, () => undefined);
    },
    beginSample: () => asked(script, 'begin sample', () => undefined),
    endSample: (_run, { verdict, fault }) =>
      asked(script, `end sample ${verdict} ${fault?.code ?? ''}`.trim(), () => undefined),
    verdict: () => asked(script, 'verdict', () => script.committed),
    typicalMs: async () => 1_500,
  };
}

export function scriptedSigner(script: Script): DeviceSigner {
  return {
    chain: [utf8('intermediate')],
    checkCsr: () => asked(script, 'signer checkCsr', () => ({ publicKeySha256: 'ff' })),
    issue: (_csr, registrationId: RegistrationId) =>
      asked(script, 'signer issue', () => utf8(`leaf ${registrationId}`)),
    validate: () => asked(script, 'signer validate', () => ({ sha256: 'aa', publicKeySha256: 'ff' })),
  };
}

export function countingRandom(): Random {
  let count = 0;
  return { bytes: (n) => new Uint8Array(n), uuid: () => `id-${(count += 1)}`, fraction: () => 0 };
}

export function batchOf(change: Partial<BatchTerms> = {}): Batch {
  return {
    batchId: 'b1' as BatchId,
    state: 'open',
    openedMs: 0,
    openedBy: 'Tester',
    terms: {
      name: 'Batch',
      product: 'Unit',
      quantity: 10,
      attestation: 'mixed',
      enrollmentKind: 'individual',
      keyAlgorithm: 'p256',
      deviceIdTemplate: '{registrationId}',
      serialPattern: 'SN[0-9]',
      ekCertificatePolicy: 'none',
      deviceProfile: 'bench-link',
      ...change,
    },
  };
}
