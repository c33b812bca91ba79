/** Everything a screen or a script may ask of the station: the name, what it sends, what it gets. */
import { z } from 'zod';
import { ScanRules, ScanTaken } from './scan.ts';
import {
  BatchTerms,
  BatchView,
  DoctorView,
  ListedAdapterView,
  OutboxEntryView,
  ProfileView,
  ServiceView,
  SignerView,
  SlotView,
  StationView,
  UnitView,
  VirtualFaultView,
  outboxStates,
  page,
  unitStates,
} from './views.ts';
import { GoldenSampleView, RecoveryUnitView, UnitHistoryView } from './recovery-views.ts';

const Nothing = z.strictObject({});
const Id = z.string().min(1).max(128);
const Slot = z.int().min(1).max(16);
/** Why a person decided: it goes into the audit chain as it stands. */
const Reason = z.string().trim().min(3).max(200);
const Recovery = z.object({ units: z.array(RecoveryUnitView).max(200) });
const Golden = z.object({ samples: z.array(GoldenSampleView).max(100) });
const Paged = { cursor: z.string().max(400).optional(), limit: z.int().min(1).max(200).default(100) };

const call = <Input extends z.ZodType, Output extends z.ZodType>(input: Input, output: Output) => ({ input, output });

export const calls = {
  'station.get': call(Nothing, StationView),
  'operator.set': call(z.strictObject({ name: z.string().trim().min(1).max(60) }), StationView),

  'bench.get': call(Nothing, z.object({ slots: z.array(SlotView) })),
  /** Starts a run. Without a slot: the ready slot whose unit has no verdict yet, lowest number first. */
  'bench.scan': call(z.strictObject({ text: z.string().min(1).max(200), slot: Slot.optional() }), SlotView),
  /** The virtual bench scans the label of each virtual unit that has not passed yet. */
  'bench.scanVirtual': call(Nothing, z.object({ started: z.int() })),
  /** The faults that a trainer may give to a virtual unit. */
  'virtual.faults': call(Nothing, z.object({ faults: z.array(VirtualFaultView) })),
  /**
   * Restarts the slot's virtual unit with this fault, or without one; what it holds stays. Answered when the unit is
   * there again. Refused while the slot has a run, and for a slot without a virtual unit.
   */
  'virtual.setFault': call(
    z.strictObject({
      slot: Slot,
      fault: z.strictObject({ name: Id, value: z.int().optional() }).optional(),
    }),
    SlotView,
  ),
  /**
   * What a scanner read, whatever it is: a serial number, a slot, an operator's badge, a command, several codes at once or
   * none that can be read. `slot`: the one in hand; without it the slot that was scanned last, else the bench chooses.
   */
  'scan.take': call(z.strictObject({ text: z.string().min(1).max(4_096), slot: Slot.optional() }), ScanTaken),
  'scan.rules': call(Nothing, ScanRules),
  'scan.setRules': call(z.strictObject({ rules: ScanRules }), ScanRules),
  /** Ends the run of a slot before its next device write. */
  'bench.abort': call(z.strictObject({ slot: Slot }), SlotView),
  /** How many slots the bench shows, 1 to 16; not fewer than are bound or have a virtual unit. */
  'bench.setSlots': call(z.strictObject({ slots: Slot }), StationView),

  /** The adapters that are plugged in now. */
  'adapter.list': call(Nothing, z.object({ adapters: z.array(ListedAdapterView).max(256) })),
  /** The next adapter that is plugged in becomes this slot's; the slot's view tells how it went. One slot learns at a time. */
  'slot.learn': call(z.strictObject({ slot: Slot }), SlotView),
  'slot.stopLearning': call(Nothing, z.object({ slots: z.array(SlotView) })),
  /** `usb:1-2.3:1.0`, `serial:/dev/ttyS0` or `tcp:HOST:PORT`. */
  'slot.bind': call(z.strictObject({ slot: Slot, address: z.string().min(1).max(300) }), SlotView),
  'slot.unbind': call(z.strictObject({ slot: Slot }), SlotView),
  /** The doctor speaks with the unit over the slot's line, some seconds long; the slot is busy meanwhile. */
  'adapter.check': call(z.strictObject({ slot: Slot }), DoctorView),
  /** Applies what a finding proposed, and checks again. */
  'adapter.remedy': call(z.strictObject({ slot: Slot, remedy: z.string().max(40) }), DoctorView),

  'batch.list': call(Nothing, z.object({ batches: z.array(BatchView).max(200) })),
  'batch.open': call(z.strictObject({ terms: BatchTerms }), BatchView),
  /** Makes an open batch the one that scans belong to. */
  'batch.select': call(z.strictObject({ batchId: Id }), StationView),
  'batch.close': call(z.strictObject({ batchId: Id }), BatchView),
  'batch.report': call(
    z.strictObject({ batchId: Id, format: z.enum(['csv', 'jsonl']) }),
    z.object({ path: z.string(), units: z.int() }),
  ),
  /** The kinds of devices that a batch may be opened for. */
  'profile.list': call(Nothing, z.object({ profiles: z.array(ProfileView).max(200) })),
  'unit.list': call(
    z.strictObject({
      batchId: Id.optional(),
      search: z.string().max(128).optional(),
      state: z.enum(unitStates).optional(),
      ...Paged,
    }),
    page(UnitView),
  ),
  'unit.history': call(z.strictObject({ unitId: Id }), UnitHistoryView),
  /** Supersedes the pass of a unit, so that it can be done again; what it was is kept. */
  'unit.rework': call(z.strictObject({ unitId: Id, reason: Reason }), UnitView),

  /** Units whose runs were cut, those that wait for a person first. */
  'recovery.list': call(Nothing, Recovery),
  /** A person says which slot the unit is in; without one, the slot it was in. */
  'recovery.resume': call(z.strictObject({ unitId: Id, slot: Slot.optional() }), SlotView),
  /** Sets the unit aside: it stays listed. A later scan takes it up again all the same. */
  'recovery.setAside': call(z.strictObject({ unitId: Id, reason: Reason }), Recovery),
  /** Ends it: it is listed no more; the report and the audit chain tell why. Its identities stay its own. */
  'recovery.scrap': call(z.strictObject({ unitId: Id, reason: Reason }), Recovery),

  'golden.list': call(Nothing, Golden),
  'golden.add': call(
    z.strictObject({
      name: z.string().trim().min(1).max(60),
      serialNumber: z.string().trim().min(1).max(64),
      expect: z.enum(['pass', 'fail']),
    }),
    Golden,
  ),
  'golden.remove': call(z.strictObject({ serialNumber: Id }), Golden),

  'outbox.list': call(z.strictObject({ state: z.enum(outboxStates).optional(), ...Paged }), page(OutboxEntryView)),
  /** Sends a parked entry again. */
  'outbox.retry': call(z.strictObject({ entryId: z.int() }), OutboxEntryView),
  'signer.list': call(Nothing, z.object({ signers: z.array(SignerView) })),
  /**
   * Opens a signer of the supervisor's own: `file` is the base64 of a PKCS#12 file (.p12, .pfx; at most 131,072 bytes) with
   * one CA certificate and its key. Takes from 0.1 s to a minute, by the file's iteration count. The station holds the
   * signer until it stops, and keeps nothing of it: after a restart it is opened again. Gives its id, as a batch's terms
   * name it in `signerId`, and the list that `signer.list` now gives.
   */
  'signer.open': call(
    z.strictObject({ file: z.base64().min(1).max(174_764), passphrase: z.string().max(1_000) }),
    z.object({ signerId: z.string(), signers: z.array(SignerView) }),
  ),

  'service.get': call(Nothing, ServiceView),
  'service.linkHub': call(
    z.strictObject({ connectionString: z.string().min(1).max(1_000), weight: z.int().min(1).max(1_000).default(1) }),
    ServiceView,
  ),
  'service.unlinkHub': call(z.strictObject({ hostName: z.string().max(260) }), ServiceView),
  'service.setPolicy': call(z.strictObject({ allocationPolicy: z.enum(['hashed', 'static']) }), ServiceView),
  /** Enrolls by hand: a TPM by its EK (base64), X.509 by a certificate (PEM, or the base64 of a .cer file). */
  'service.enroll': call(
    z.strictObject({
      kind: z.enum(['tpm', 'x509', 'x509-group']),
      key: z.string().max(128).optional(),
      material: z.string().min(1).max(64_000),
      deviceId: z.string().max(128).optional(),
    }),
    ServiceView,
  ),
} as const;

export type Calls = typeof calls;
export type CallName = keyof Calls;
export type CallInput<Name extends CallName> = z.input<Calls[Name]['input']>;
export type CallValue<Name extends CallName> = z.output<Calls[Name]['output']>;

export const callNames = Object.keys(calls) as [CallName, ...CallName[]];
