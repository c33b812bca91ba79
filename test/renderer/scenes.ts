/** Pictures of a station, for looking at: each scene fills the slots, the batch, the outbox and the service. */
import type { BatchView, RunView, ServiceView, SlotView, StationView } from '../../src-main/contract/views.ts';
import { phases } from '../../src-main/contract/views.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';

export interface Scene {
  readonly station: StationView;
  readonly slots: readonly SlotView[];
  readonly batches: readonly BatchView[];
  readonly units: number;
  readonly outbox: number;
  readonly service: ServiceView;
  /** `silent`: answers once, then never again. `failing`: every list fails. `mute`: never answers. */
  readonly mood: 'well' | 'silent' | 'failing' | 'mute';
}

export const nowMs = systemClock.nowMs();
const longSerial = 'SN-2026-PRODUKTIONSLINIE-SUEDDEUTSCHLAND-WERK-03-000000000000042';
const longFault = {
  code: 'serial-mismatch',
  say: 'Die Seriennummer auf dem Typenschild stimmt nicht mit der Geräteidentifikationsnummer überein.',
  hint: 'Typenschild prüfen, das richtige Gerät einstecken und die Seriennummer erneut einscannen.',
};
const duplicate = {
  code: 'ek-already-used',
  say: 'This unit was already provisioned as SN-2026-000017 in batch 2026-113.',
  hint: 'Put it aside as a duplicate and scan the next unit.',
  unitId: 'u17',
};
const noAnswer = {
  code: 'device-silent',
  say: 'The unit stopped answering while its certificate was written.',
  hint: 'Check the cable, then run it again.',
};

export function runOf(serialNumber: string, state: RunView['state'], more: Partial<RunView> = {}): RunView {
  const stop = state === 'pass' ? 6 : state === 'fail' ? 1 : 3;
  const at = state === 'working' ? 'doing' : 'failed';
  return {
    runId: `run-${serialNumber}`,
    serialNumber,
    attestation: 'tpm',
    state,
    phases: phases.map((phase, index) => ({
      phase,
      state: index < stop ? 'done' : index === stop ? at : 'todo',
      ...(index < stop ? { elapsedMs: 400 + index * 730 } : {}),
    })),
    startedMs: nowMs - 8_200,
    ...(state === 'working' ? {} : { endedMs: nowMs - 1_000 }),
    typicalMs: 11_400,
    registrationId: '8e0a2f1c4be3b7b2f2f9c8d1e6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7',
    ...more,
  };
}

function slotOf(slot: number, scene: string): SlotView {
  const serial = `SN-2026-${(140 + slot).toString().padStart(6, '0')}`;
  const port = { state: 'ready' as const, name: `/dev/serial/by-id/usb-FTDI_Quad_RS232-HS-if0${slot}-port0` };
  const passed = { unitState: 'registered' as const, hub: 'hub-2.benchline.local' };
  const kinds: Record<string, readonly SlotView[]> = {
    mixed: [
      { slot, port, run: runOf(serial, 'pass', passed) },
      { slot, port, run: runOf(serial, 'fail', { fault: duplicate }) },
      { slot, port, run: runOf(serial, 'working') },
      { slot, port, run: runOf(serial, 'error', { fault: noAnswer }) },
      { slot, port },
      { slot, port: { ...port, state: 'empty' } },
      { slot, port: { ...port, state: 'lost' } },
      { slot, port, run: runOf(serial, 'pass', { ...passed, unitState: 'seen' }) },
      { slot, port, run: runOf(serial, 'working', { startedMs: nowMs - 31_000 }) },
    ],
    long: [
      { slot, port, run: runOf(longSerial, 'fail', { fault: longFault }) },
      {
        slot,
        port,
        run: runOf(longSerial, 'pass', {
          ...passed,
          unitState: 'seen',
          hub: 'bereitstellungsdienst-nord-west-01.azure-devices.example',
        }),
      },
      { slot, port, run: runOf(longSerial, 'error', { fault: longFault }) },
      { slot, port, run: runOf(longSerial, 'working') },
    ],
    learning: [{ slot, port: { state: slot === 1 ? ('learning' as const) : ('empty' as const), name: '' } }],
    golden: [{ slot, port }],
    training: [
      {
        ...{ slot, port, virtualSerialNumber: `VIRT-${slot.toString().padStart(4, '0')}` },
        ...(slot % 3 === 1 ? { virtualFault: { name: 'stuck-silent', say: 'The firmware is stuck.' } } : {}),
      },
    ],
    unplugged: [{ slot, port: { ...port, state: slot === 2 ? ('empty' as const) : port.state, address: 'usb:1-2' } }],
    ready: [{ slot, port, virtualSerialNumber: `VIRT-${slot.toString().padStart(4, '0')}` }],
    pass: [{ slot, port, run: runOf(serial, 'pass', { ...passed, unitState: 'seen' }) }],
    fail: [{ slot, port, run: runOf(serial, 'fail', { fault: duplicate }) }],
    error: [{ slot, port, run: runOf(serial, 'error', { fault: noAnswer }) }],
    working: [{ slot, port, run: runOf(serial, 'working') }],
  };
  const list = kinds[scene] ?? kinds['mixed'] ?? [];
  return list[(slot - 1) % list.length] ?? { slot, port };
}

export function batchOf(id: string, name: string, more: Partial<BatchView> = {}): BatchView {
  return {
    batchId: id,
    state: 'open',
    terms: {
      name,
      product: 'Edge gateway EG-4, revision C',
      quantity: 400,
      attestation: 'mixed',
      enrollmentKind: 'group',
      signerId: 'demo',
      keyAlgorithm: 'p256',
      deviceIdTemplate: '{serialNumber}',
      serialPattern: '(SN-2026-\\d{6}|VIRT-\\d{4})',
      ekCertificatePolicy: 'prefer',
      deviceProfile: 'bench-link',
    },
    openedMs: nowMs - 9_000_000,
    openedBy: 'Ada Okafor',
    counts: { inWork: 2, passed: 262, failed: 3, enrolled: 258, registered: 249, seen: 240, parked: 1 },
    firstPassYield: 0.981,
    ...more,
  };
}

function serviceOf(scene: string): ServiceView {
  const isEmpty = scene === 'empty';
  const device = (index: number, hub: number) => ({
    deviceId: `sn-2026-${(index * 7 + hub).toString().padStart(6, '0')}`,
    connected: index % 3 !== 0,
    authentication: index % 2 === 0 ? 'sas' : 'selfSigned',
    lastActivityMs: nowMs - index * 61_000,
  });
  const hub = (n: number) => ({
    hostName: `hub-${n}.benchline.local`,
    weight: n,
    allocates: true,
    deviceCount: isEmpty ? 0 : 120 + n,
    devices: isEmpty ? [] : Array.from({ length: 20 }, (_, index) => device(index, n)),
  });
  return {
    reachable: scene !== 'offline',
    ...(scene === 'offline'
      ? { fault: { code: 'service-silent', say: 'The service does not answer.', hint: 'Wait.' } }
      : {}),
    idScope: '0ne00A1B2C3',
    host: 'dps.benchline.local:8443',
    allocationPolicy: 'hashed',
    hubs: [hub(1), hub(2)],
    enrollments: isEmpty
      ? []
      : Array.from({ length: 60 }, (_, index) => ({
          kind: index === 0 ? ('group' as const) : ('individual' as const),
          key:
            index === 0
              ? 'batch-2026-114'
              : `8e0a2f1c4be3b7b2f2f9c8d1e6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9${index.toString().padStart(4, '0')}`,
          attestation: index === 0 ? 'x509' : 'tpm',
          status: 'enabled',
          ...(index === 0 ? {} : { deviceId: `SN-2026-${index.toString().padStart(6, '0')}` }),
        })),
    registrations: isEmpty
      ? []
      : Array.from({ length: 60 }, (_, index) => ({
          registrationId: `sn-2026-${index.toString().padStart(6, '0')}`,
          deviceId: `SN-2026-${index.toString().padStart(6, '0')}`,
          hub: `hub-${(index % 2) + 1}.benchline.local`,
          status: index % 17 === 3 ? 'failed' : 'assigned',
          updatedMs: nowMs - index * 44_000,
        })),
    enrollmentCount: isEmpty ? 0 : 258,
    registrationCount: isEmpty ? 0 : 249,
  };
}

function stationOf(name: string, slots: number): StationView {
  const isEmpty = name === 'empty';
  const isLong = name === 'long';
  const targets: Readonly<Record<string, StationView['target']['state']>> = { offline: 'offline', mixed: 'draining' };
  return {
    stationId: 'bench-07',
    version: '0.1.0',
    operator: isLong ? 'Maximiliane von Oberwiesenthal-Schwarzenberg' : 'Ada Okafor',
    target: {
      name: isLong ? 'bereitstellungsdienst-nord-west' : 'embedded service',
      idScope: '0ne00A1B2C3',
      state: targets[name] ?? 'online',
      pending: 4,
      parked: isEmpty ? 0 : 1,
      sent: isEmpty ? 0 : 258,
      sinceMs: nowMs - 60_000,
      embedded: true,
    },
    ...(isEmpty ? {} : { batchId: 'b1' }),
    slots,
    virtualBench: name === 'ready' || name === 'training' || isEmpty,
  };
}

function batchesOf(name: string): readonly BatchView[] {
  if (name === 'golden') {
    const { terms, ...batch } = batchOf('b1', '2026-114');
    const goldenCheck = { passDone: true, failDone: false, sinceMs: nowMs - 60_000 };
    return [{ ...batch, terms: { ...terms, goldenSamples: true }, goldenCheck }];
  }
  if (name === 'empty') return [];
  const counts = { inWork: 0, passed: 12, failed: 0, enrolled: 12, registered: 12, seen: 12, parked: 0 };
  return [
    batchOf('b1', name === 'long' ? 'Fertigungsauftrag 2026-114 Nachbearbeitungsserie Süddeutschland' : '2026-114'),
    batchOf('b2', '2026-113', { state: 'closed', closedMs: nowMs - 40_000_000 }),
    batchOf('b3', 'Rework May', { counts }),
  ];
}

const moods = ['well', 'silent', 'failing', 'mute'] as const;

export function sceneFrom(search: URLSearchParams): Scene {
  const name = search.get('scene') ?? 'mixed';
  const slots = Number(search.get('slots') ?? '4');
  const isEmpty = name === 'empty';
  return {
    station: stationOf(name, slots),
    slots: Array.from({ length: slots }, (_, index) => slotOf(index + 1, isEmpty ? 'ready' : name)),
    batches: batchesOf(name),
    units: isEmpty ? 0 : name === 'million' ? 1_000_000 : 270,
    outbox: isEmpty ? 0 : 263,
    service: serviceOf(name),
    mood: moods.find((mood) => mood === search.get('mood')) ?? 'well',
  };
}
