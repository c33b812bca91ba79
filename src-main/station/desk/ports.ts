/** What the desk needs of the store and of the rest of the station. */
import type { Result } from '../../lib/base/result.ts';
import type { ScanRules } from '../../contract/scan.ts';
import type {
  BatchView,
  DoctorView,
  ListedAdapterView,
  OutboxEntryView,
  OutboxState,
  ProfileView,
  SignerView,
  SlotView,
  StationView,
  UnitState,
  UnitView,
} from '../../contract/views.ts';
import type { GoldenSampleView, RecoveryUnitView, UnitHistoryView } from '../../contract/recovery-views.ts';
import type { Batch, BatchTerms } from '../batches/model.ts';
import type { BatchSigner } from '../batches/terms.ts';

export interface Page<Item> {
  readonly items: Item[];
  readonly next?: string;
  readonly total: number;
}

interface PageQuery {
  readonly cursor?: string;
  readonly limit: number;
}

export interface DeskStore {
  saveSettings(change: { operator?: string; scanRules?: ScanRules }, by: string): Promise<Result<unknown>>;
  /** Undefined as long as nobody changed them, or where what was kept cannot be read. */
  scanRules(): Promise<Result<ScanRules | undefined>>;
  openBatch(order: { terms: BatchTerms; openedBy: string; signer?: BatchSigner }): Promise<Result<BatchView>>;
  selectBatch(batchId: string, by: string): Promise<Result<BatchView>>;
  closeBatch(batchId: string, by: string): Promise<Result<BatchView>>;
  openedBatch(batchId: string): Promise<Result<Batch>>;
  listBatches(): Promise<Result<readonly BatchView[]>>;
  listUnits(
    query: PageQuery & { batchId?: string; search?: string; state?: UnitState },
  ): Promise<Result<Page<UnitView>>>;
  listOutbox(query: PageQuery & { state?: OutboxState }): Promise<Result<Page<OutboxEntryView>>>;
  retryOutbox(entryId: number, by: string): Promise<Result<OutboxEntryView>>;
  /** Those that wait first. */
  listRecoveries(): Promise<Result<readonly RecoveryUnitView[]>>;
  listSamples(): Promise<Result<readonly GoldenSampleView[]>>;
  addSample(order: { name: string; serialNumber: string; expect: 'pass' | 'fail' }, by: string): Promise<Result<void>>;
  removeSample(serialNumber: string, by: string): Promise<Result<void>>;
  rework(order: { unitId: string; reason: string; by: string }): Promise<Result<UnitView>>;
  unitHistory(unitId: string): Promise<Result<UnitHistoryView>>;
  decideRecovery(decision: {
    unitId: string;
    to: 'set-aside' | 'scrapped';
    reason: string;
    by: string;
  }): Promise<Result<void>>;
  /** Into the audit chain. */
  appendEvent(event: {
    readonly kind: string;
    readonly actor: string;
    readonly body: Readonly<Record<string, string>>;
  }): Promise<Result<void>>;
}

export interface DeskSigners {
  list(): readonly SignerView[];
  /** As a batch keeps it; undefined for one that is not in custody here. */
  forBatch(signerId: string | undefined): BatchSigner | undefined;
  /** Takes the signer of a PKCS#12 file into custody once `admit` has agreed to what it is. */
  open(
    file: { readonly bytes: Uint8Array; readonly passphrase: string },
    admit: (view: SignerView) => Promise<Result<unknown>>,
  ): Promise<Result<SignerView>>;
}

/** The slots' ports: which adapter belongs to which slot, and how its line does. `by` is told to the audit chain. */
export interface DeskPorts {
  adapters(): Promise<readonly ListedAdapterView[]>;
  learn(slot: number, by: string): Promise<Result<SlotView>>;
  stopLearning(): Promise<void>;
  bind(slot: number, address: string, by: string): Promise<Result<SlotView>>;
  unbind(slot: number, by: string): Promise<Result<SlotView>>;
  check(slot: number): Promise<Result<DoctorView>>;
  remedy(slot: number, remedy: string, by: string): Promise<Result<DoctorView>>;
  resize(slots: number, by: string): Promise<Result<void>>;
}

export interface DeskReports {
  write(batchId: string, format: 'csv' | 'jsonl'): Promise<Result<{ path: string; units: number }>>;
}

/** Planted faults, for training. */
export interface DeskVirtual {
  setFault(slot: number, fault: { name: string; value?: number } | undefined): Promise<Result<SlotView>>;
}

/** The kinds of devices that the station has a driver for. */
export interface DeskProfiles {
  list(): readonly ProfileView[];
  /** Whether units of this kind can be what the batch wants of them. */
  check(terms: Pick<BatchTerms, 'deviceProfile' | 'attestation'>): Result<void>;
}

/** The station's own state, as main.ts keeps it. */
export interface DeskStation {
  view(): StationView;
  /** Takes what the store now says: operator, selected batch. */
  refresh(): Promise<void>;
}
