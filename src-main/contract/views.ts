/** What a screen may see of the station: read-only pictures, with every time in Unix milliseconds. */
import { z } from 'zod';

const Id = z.string().min(1).max(128);
const Text = z.string().max(4_000);
const TimeMs = z.number().nonnegative();
const Count = z.int().nonnegative();

const attestations = ['tpm', 'x509', 'mixed'] as const;
export const phases = ['connect', 'identify', 'prove', 'write', 'verify', 'commit'] as const;
export type Phase = (typeof phases)[number];
export const verdicts = ['pass', 'fail', 'error'] as const;
export type Verdict = (typeof verdicts)[number];
/** A unit's life; each state includes the ones before it. `failed` and `interrupted` are its last run's end without a pass. */
export const unitStates = ['in-work', 'interrupted', 'failed', 'passed', 'enrolled', 'registered', 'seen'] as const;
export type UnitState = (typeof unitStates)[number];
export const outboxStates = ['pending', 'sending', 'sent', 'parked'] as const;
export type OutboxState = (typeof outboxStates)[number];

export const Fault = z.object({
  code: z.string(),
  say: Text,
  hint: Text,
  /** The other unit, where an identity belongs to it: what `unit.history` takes. */
  unitId: Id.optional(),
});
export type FaultInView = z.infer<typeof Fault>;

const PhaseView = z.object({
  phase: z.enum(phases),
  state: z.enum(['todo', 'doing', 'done', 'failed']),
  elapsedMs: z.number().nonnegative().optional(),
});

export const RunView = z.object({
  runId: Id,
  serialNumber: Id,
  attestation: z.enum(['tpm', 'x509']).optional(),
  /** `working` until a row is committed; then the verdict that row holds. */
  state: z.enum(['working', ...verdicts]),
  phases: z.array(PhaseView),
  startedMs: TimeMs,
  endedMs: TimeMs.optional(),
  /** Median of the last passed runs of this kind on this station; absent until there is one. */
  typicalMs: z.number().nonnegative().optional(),
  fault: Fault.optional(),
  registrationId: Id.optional(),
  /** What the unit became later, by itself. */
  unitState: z.enum(unitStates).optional(),
  hub: z.string().optional(),
  /** The run of a golden sample: `state` is the sample's verdict, which is as it should be or not. */
  golden: z.object({ name: z.string(), expect: z.enum(['pass', 'fail']) }).optional(),
});
export type RunView = z.infer<typeof RunView>;

/** A USB adapter, or a port of the PC itself: what it says of itself and where it is plugged in. Serial numbers and COM numbers lie. */
const AdapterView = z.object({
  name: z.string(),
  /** Bus, hub ports, configuration and interface, as sysfs has it: `1-2.3:1.0`. Each channel of an adapter has its own. */
  usbPath: z.string().optional(),
  /** Four lower-case hexadecimal digits, as `productId`. */
  vendorId: z.string().optional(),
  productId: z.string().optional(),
});
/** An adapter that is plugged in now. */
export const ListedAdapterView = AdapterView.extend({
  /** What a program opens, today: the number changes with every plugging. */
  device: z.string(),
  /** What `slot.bind` takes. */
  address: z.string(),
  /** The slot that is bound to it. */
  slot: z.int().min(1).max(16).optional(),
});
export type ListedAdapterView = z.infer<typeof ListedAdapterView>;
/** A fault that a virtual unit can be told to have, for training. */
export const VirtualFaultView = z.object({
  /** As `--fault NAME[=VALUE]` of the agent takes it. */
  name: Id,
  /** What the unit does, in words for a trainer; `{value}` stands for the value. */
  say: Text,
  /** Absent: every virtual unit can have it. */
  needs: z.enum(['tpm', 'x509']).optional(),
  /** Absent: it takes none. `usual` is absent where one must be chosen (a slot). */
  value: z
    .object({
      unit: z.enum(['bytes', 'replies', 'ms', 'baud', 'slot']),
      least: z.int(),
      most: z.int(),
      usual: z.int().optional(),
    })
    .optional(),
});
export type VirtualFaultView = z.infer<typeof VirtualFaultView>;

export const SlotView = z.object({
  slot: z.int().min(1).max(16),
  /**
   * `empty`: no port is bound or nothing is plugged in; `ready`: a unit can be scanned; `lost`: it went away during a run;
   * `learning`: the next adapter that is plugged in becomes this slot's. `fault` says what is wrong, or why learning ended
   * without one. `address` is what the slot is bound to; absent, it is bound to nothing.
   */
  port: z.object({
    state: z.enum(['empty', 'ready', 'lost', 'learning']),
    name: z.string(),
    address: z.string().optional(),
    adapter: AdapterView.optional(),
    fault: Fault.optional(),
  }),
  /** The current run, or the last one: its verdict stays until the next scan. */
  run: RunView.optional(),
  /** The label of the virtual unit plugged into this slot, so that the virtual bench can scan it. */
  virtualSerialNumber: Id.optional(),
  /** The slot is in training: its virtual unit has this planted fault. `say` has its value filled in. */
  virtualFault: z.object({ name: Id, value: z.int().optional(), say: Text }).optional(),
});
export type SlotView = z.infer<typeof SlotView>;

/** What the adapter doctor found on a slot's line; no findings: it is sound. */
export const DoctorView = z.object({
  slot: z.int().min(1).max(16),
  findings: z.array(
    Fault.extend({
      /** What `adapter.remedy` takes; absent where a person must act. */
      remedy: z.string().optional(),
    }),
  ),
  /** Of echoes over the bench link; absent where nothing answered. */
  roundTrips: z
    .object({ count: Count, medianMs: z.number().nonnegative(), worstMs: z.number().nonnegative() })
    .optional(),
});
export type DoctorView = z.infer<typeof DoctorView>;

export const TargetView = z.object({
  name: z.string(),
  idScope: z.string(),
  /** `draining`: online with entries on their way; `offline`: the service does not answer. */
  state: z.enum(['starting', 'online', 'draining', 'offline']),
  pending: Count,
  parked: Count,
  sent: Count,
  sinceMs: TimeMs,
  fault: Fault.optional(),
  embedded: z.boolean(),
});
export type TargetView = z.infer<typeof TargetView>;

export const StationView = z.object({
  stationId: Id,
  version: z.string(),
  operator: z.string(),
  target: TargetView,
  /** The batch that a scan belongs to. */
  batchId: Id.optional(),
  slots: z.int().min(1).max(16),
  virtualBench: z.boolean(),
  /** Something of the station did not come up (a virtual unit); told until the next start. */
  fault: Fault.optional(),
});
export type StationView = z.infer<typeof StationView>;

export const BatchTerms = z.object({
  name: z.string().trim().min(1).max(80),
  product: z.string().trim().min(1).max(80),
  quantity: z.int().min(1).max(100_000),
  /** `mixed`: each unit by what it offers, a TPM first. */
  attestation: z.enum(attestations),
  /** How X.509 units are enrolled; TPM units are always individual. */
  enrollmentKind: z.enum(['group', 'individual']),
  signerId: z.string().max(64).optional(),
  keyAlgorithm: z.enum(['p256', 'rsa2048']),
  /** `{registrationId}` and `{serialNumber}` are filled in. Only individual enrollments carry it (DPS). */
  deviceIdTemplate: z.string().min(1).max(128),
  /** Absent: TPM units by their EK as the SDKs do, X.509 units by their serial number in lower case. */
  registrationIdTemplate: z.string().min(1).max(128).optional(),
  /** A JavaScript regular expression the whole serial number must match. */
  serialPattern: z.string().min(1).max(200),
  ekCertificatePolicy: z.enum(['require', 'prefer', 'none']),
  /** Of the units' serial line, where it is another than their adapter's or their slot's. */
  baudRate: z.int().min(1_200).max(4_000_000).optional(),
  initialTwin: z.string().max(8_000).optional(),
  /** Units are taken only while a known-good and a known-bad sample were checked in this shift. Absent: they are not. */
  goldenSamples: z.boolean().optional(),
  /** Each unit is locked for ever once it was verified; one that cannot be locked is refused before it is written. */
  lockUnits: z.boolean().optional(),
  /** What kind of device the units are: how the station speaks to them. `profile.list` says which there are. */
  deviceProfile: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/)
    .default('bench-link'),
});
export type BatchTerms = z.infer<typeof BatchTerms>;

export const ProfileView = z.object({
  profileId: Id,
  name: z.string(),
  driver: z.enum(['bench-link', 'tpm-tunnel', 'console']),
  attestations: z.array(z.enum(['tpm', 'x509'])),
});
export type ProfileView = z.infer<typeof ProfileView>;

export const BatchView = z.object({
  batchId: Id,
  state: z.enum(['open', 'closed']),
  terms: BatchTerms,
  openedMs: TimeMs,
  openedBy: z.string(),
  closedMs: TimeMs.optional(),
  counts: z.object({
    inWork: Count,
    passed: Count,
    failed: Count,
    enrolled: Count,
    registered: Count,
    seen: Count,
    parked: Count,
  }),
  /** First-pass yield: units that passed on their first run / units with a verdict; absent with none. */
  firstPassYield: z.number().min(0).max(1).optional(),
  /** Of a batch with golden samples: which of the two were checked for it in this shift; checks since `sinceMs` count. */
  goldenCheck: z.object({ passDone: z.boolean(), failDone: z.boolean(), sinceMs: TimeMs }).optional(),
});
export type BatchView = z.infer<typeof BatchView>;

export const UnitView = z.object({
  unitId: Id,
  batchId: Id,
  serialNumber: Id,
  state: z.enum(unitStates),
  attestation: z.enum(['tpm', 'x509']).optional(),
  registrationId: Id.optional(),
  deviceId: Id.optional(),
  /** SHA-256 of the EK or of the leaf certificate, hexadecimal. */
  fingerprint: z.string().optional(),
  hub: z.string().optional(),
  slot: z.int().optional(),
  operator: z.string().optional(),
  runs: Count,
  firstRunMs: TimeMs.optional(),
  passedMs: TimeMs.optional(),
  enrolledMs: TimeMs.optional(),
  registeredMs: TimeMs.optional(),
  seenMs: TimeMs.optional(),
  fault: Fault.optional(),
  /** Why its last pass was superseded, by whom, and how often that happened. */
  rework: z.object({ reason: z.string(), by: z.string(), atMs: TimeMs, count: Count }).optional(),
});
export type UnitView = z.infer<typeof UnitView>;

export const OutboxEntryView = z.object({
  entryId: z.int(),
  kind: z.enum(['individual', 'group']),
  /** Registration id, or enrollment group id. */
  key: Id,
  serialNumber: z.string().optional(),
  batchId: Id,
  state: z.enum(outboxStates),
  /** Absent: it enrolls. After rework an entry replaces what the service holds, or disables what a unit was before. */
  act: z.enum(['replace', 'disable']).optional(),
  attempts: Count,
  createdMs: TimeMs,
  nextDueMs: TimeMs.optional(),
  sentMs: TimeMs.optional(),
  fault: Fault.optional(),
});
export type OutboxEntryView = z.infer<typeof OutboxEntryView>;

export const SignerView = z.object({
  signerId: z.string(),
  commonName: z.string(),
  issuer: z.string(),
  algorithm: z.string(),
  sha256: z.string(),
  notAfterMs: TimeMs,
  demonstration: z.boolean(),
});
export type SignerView = z.infer<typeof SignerView>;

const HubDeviceView = z.object({
  deviceId: z.string(),
  connected: z.boolean(),
  authentication: z.string(),
  lastActivityMs: TimeMs.optional(),
});
export const HubView = z.object({
  hostName: z.string(),
  weight: z.number(),
  allocates: z.boolean(),
  deviceCount: Count,
  /** The first devices by id; `deviceCount` says how many there are. */
  devices: z.array(HubDeviceView),
  fault: Fault.optional(),
});
export type HubView = z.infer<typeof HubView>;

export const EnrollmentView = z.object({
  kind: z.enum(['individual', 'group']),
  key: z.string(),
  attestation: z.string(),
  status: z.string(),
  deviceId: z.string().optional(),
  allocationPolicy: z.string().optional(),
});
export const RegistrationView = z.object({
  registrationId: z.string(),
  deviceId: z.string().optional(),
  hub: z.string().optional(),
  status: z.string(),
  substatus: z.string().optional(),
  updatedMs: TimeMs,
  errorMessage: z.string().optional(),
});
export const ServiceView = z.object({
  reachable: z.boolean(),
  fault: Fault.optional(),
  idScope: z.string(),
  host: z.string(),
  /** Absent where the service does not let itself be asked (a cloud service has its own control plane). */
  allocationPolicy: z.enum(['hashed', 'static']).optional(),
  hubs: z.array(HubView),
  enrollments: z.array(EnrollmentView),
  registrations: z.array(RegistrationView),
  enrollmentCount: Count,
  registrationCount: Count,
});
export type ServiceView = z.infer<typeof ServiceView>;

/** A page of something, newest or next in order first; `next` fetches the page after it. */
export const page = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item).max(200), next: z.string().optional(), total: Count });
