/** A station in the browser: answers every call of the contract from a scene, and plays runs on a timer. */
import { calls, type CallInput, type CallName, type CallValue } from '../../src-main/contract/calls.ts';
import type { EventName, EventPayload } from '../../src-main/contract/events.ts';
import {
  phases,
  unitStates,
  type OutboxEntryView,
  type SlotView,
  type UnitView,
} from '../../src-main/contract/views.ts';
import { goldenSamples, historyOf, interruptedUnits } from './floor-scene.ts';
import { batchOf, nowMs, runOf, type Scene } from './scenes.ts';

export interface FixtureStation {
  call(name: string, payload: unknown): Promise<unknown>;
  listen(listener: (message: unknown) => void): () => void;
}

type Answers = { readonly [Name in CallName]: (input: CallInput<Name>) => CallValue<Name> | string };

const phaseMs = 700;
const houseRules: CallValue<'scan.rules'> = {
  rules: [
    { kind: 'slot', by: 'prefix', text: 'SLOT-' },
    { kind: 'badge', by: 'prefix', text: 'OP-' },
    { kind: 'command', by: 'prefix', text: 'CMD-' },
  ],
  ...{ framePrefix: '', frameSuffix: '', blankingMs: 1_000, readsGs1: true },
};

export function createFixtureStation(scene: Scene): FixtureStation {
  const listeners = new Set<(message: unknown) => void>();
  let station = scene.station;
  let slots = [...scene.slots];
  let batches = [...scene.batches];
  let service = scene.service;
  let asked = 0;
  let scanRules = houseRules;
  let cut = scene.slots.length === 1 ? [] : [...interruptedUnits];
  let samples = [...goldenSamples];

  const tell = <Name extends EventName>(name: Name, payload: EventPayload<Name>): void => {
    for (const hear of listeners) hear({ name, payload });
  };
  const put = (slot: SlotView): SlotView => {
    slots = slots.map((one) => (one.slot === slot.slot ? slot : one));
    tell('slot.changed', slot);
    return slot;
  };
  const start = (slot: SlotView, serialNumber: string): SlotView => {
    const startedMs = Math.round(performance.timeOrigin + performance.now());
    const at = (done: number, state: 'working' | 'pass'): SlotView => ({
      ...slot,
      run: {
        ...runOf(serialNumber, state, { runId: `run-${serialNumber}-${startedMs}`, startedMs, typicalMs: phaseMs * 6 }),
        ...(state === 'pass' ? { endedMs: startedMs + done * phaseMs } : {}),
        phases: phases.map((phase, index) => ({
          phase,
          state: index < done ? 'done' : index === done ? 'doing' : 'todo',
        })),
      },
    });
    for (let done = 1; done <= 6; done += 1) {
      setTimeout(() => void put(at(done, done === 6 ? 'pass' : 'working')), done * phaseMs);
    }
    return put(at(0, 'working'));
  };
  const learnt = (number: number): SlotView | string => {
    const slot = slots.find((one) => one.slot === number);
    return slot === undefined ? 'no-slot' : put({ ...slot, port: { ...slot.port, state: 'learning' } });
  };
  const answers: Answers = {
    'station.get': () => station,
    'operator.set': ({ name }) => (station = { ...station, operator: name }),
    'bench.get': () => ({ slots }),
    'bench.scan': ({ text, slot }) => {
      const free = slots.find((one) => (slot === undefined ? one.run === undefined : one.slot === slot));
      if (free === undefined) return 'no-slot';
      return start(free, text);
    },
    'bench.scanVirtual': () => {
      const ready = slots.filter((one) => one.virtualSerialNumber !== undefined && one.run?.state !== 'pass');
      for (const slot of ready) start(slot, slot.virtualSerialNumber ?? '');
      return { started: ready.length };
    },
    'virtual.faults': () => ({
      faults: [
        { name: 'stuck-silent', say: 'The firmware is stuck: it answers nothing at all.' },
        {
          name: 'delay',
          say: 'Every reply comes {value} ms late.',
          value: { unit: 'ms', least: 1, most: 60_000, usual: 400 },
        },
      ],
    }),
    'virtual.setFault': ({ slot, fault }) => {
      const found = slots.find((one) => one.slot === slot);
      if (found === undefined) return 'no-slot';
      const { virtualFault: _, ...rest } = found;
      return put(fault === undefined ? rest : { ...rest, virtualFault: { ...fault, say: `It has ${fault.name}.` } });
    },
    'scan.take': ({ text, slot }) => {
      const [, kind = '', value = ''] = /^(SLOT-|OP-)?(.*)$/.exec(text) ?? [];
      if (kind === 'SLOT-') return { kind: 'slot', slot: Number(value) };
      if (kind === 'OP-') {
        station = { ...station, operator: value };
        tell('station.changed', station);
        return { kind: 'badge', operator: value };
      }
      const free = slots.find((one) => (slot === undefined ? one.run === undefined : one.slot === slot));
      if (free === undefined) return 'no-slot';
      return { kind: 'serial', serialNumber: text, slot: start(free, text) };
    },
    'scan.rules': () => scanRules,
    'scan.setRules': ({ rules }) => (scanRules = rules),
    'bench.abort': ({ slot }) => slots.find((one) => one.slot === slot) ?? 'no-slot',
    'bench.setSlots': ({ slots: count }) => {
      slots = Array.from({ length: count }, (_, at) => slots[at] ?? emptySlot(at + 1));
      return (station = { ...station, slots: count });
    },
    'adapter.list': () => ({ adapters: [] }),
    'slot.learn': ({ slot }) => learnt(slot),
    'slot.stopLearning': () => ({ slots }),
    'slot.bind': ({ slot }) => learnt(slot),
    'slot.unbind': ({ slot }) => slots.find((one) => one.slot === slot) ?? 'no-slot',
    'adapter.check': ({ slot }) => ({ slot, findings: [] }),
    'adapter.remedy': ({ slot }) => ({ slot, findings: [] }),
    'batch.list': () => ({ batches }),
    'batch.open': ({ terms }) => {
      const { deviceProfile = 'bench-link' } = terms;
      const batch = { ...batchOf(`b${batches.length + 1}`, terms.name), terms: { ...terms, deviceProfile } };
      batches = [batch, ...batches];
      return batch;
    },
    'profile.list': () => ({
      profiles: [
        { profileId: 'bench-link', name: 'Bench link (SMP)', driver: 'bench-link', attestations: ['tpm', 'x509'] },
        { profileId: 'tpm-tunnel', name: 'TPM behind a tunnel', driver: 'tpm-tunnel', attestations: ['tpm'] },
      ],
    }),
    'batch.select': ({ batchId }) => (station = { ...station, batchId }),
    'batch.close': ({ batchId }) => {
      batches = batches.map((one) => (one.batchId === batchId ? { ...one, state: 'closed', closedMs: nowMs } : one));
      return batches.find((one) => one.batchId === batchId) ?? 'no-batch';
    },
    'batch.report': ({ format }) => ({ path: `/home/line/Benchline/reports/2026-114.${format}`, units: scene.units }),
    'unit.list': ({ cursor, limit, state, search }) => {
      const keep = (unit: UnitView): boolean =>
        (state === undefined || unit.state === state) && (search === undefined || unit.serialNumber.includes(search));
      return pageOf({ total: scene.units, make: unitAt, keep }, cursor, limit);
    },
    'unit.history': ({ unitId }) => historyOf(unitId),
    'unit.rework': ({ reason }) => ({
      ...{ ...unitAt(0), state: 'in-work' },
      rework: { reason, by: station.operator, atMs: nowMs, count: 1 },
    }),
    'recovery.list': () => ({ units: cut }),
    'recovery.resume': ({ unitId, slot }) => {
      const unit = cut.find((one) => one.unitId === unitId);
      const at = slots.find((one) => one.slot === (slot ?? unit?.slot));
      return unit === undefined || at === undefined ? 'no-unit' : start(at, unit.serialNumber);
    },
    'recovery.setAside': ({ unitId, reason }) => {
      const aside = { state: 'set-aside' as const, reason, decidedBy: station.operator, decidedMs: nowMs };
      cut = cut.map((unit) => (unit.unitId === unitId ? { ...unit, ...aside } : unit));
      return { units: cut };
    },
    'recovery.scrap': ({ unitId }) => ({ units: (cut = cut.filter((unit) => unit.unitId !== unitId)) }),
    'golden.list': () => ({ samples }),
    'golden.add': (sample) => ({
      samples: (samples = [...samples, { ...sample, addedMs: nowMs, addedBy: station.operator }]),
    }),
    'golden.remove': ({ serialNumber }) => ({
      samples: (samples = samples.filter((sample) => sample.serialNumber !== serialNumber)),
    }),
    'outbox.list': ({ cursor, limit, state }) => {
      const keep = (entry: OutboxEntryView): boolean => state === undefined || entry.state === state;
      return pageOf({ total: scene.outbox, make: entryAt, keep }, cursor, limit);
    },
    'outbox.retry': ({ entryId }) => entryAt(entryId),
    'signer.list': () => ({
      signers: [
        {
          signerId: 'demo',
          commonName: 'Benchline demonstration CA 1',
          issuer: 'Benchline demonstration root',
          algorithm: 'ECDSA P-256',
          sha256: 'ab'.repeat(32),
          notAfterMs: nowMs + 9e10,
          demonstration: true,
        },
      ],
    }),
    'signer.open': () => ({ signerId: 'demo', signers: [] }),
    'service.get': () => service,
    'service.linkHub': () => service,
    'service.unlinkHub': () => service,
    'service.setPolicy': ({ allocationPolicy }) => (service = { ...service, allocationPolicy }),
    'service.enroll': () => service,
  };

  return {
    async call(name, payload) {
      asked += 1;
      const known = name as CallName;
      if (scene.mood === 'mute' || (scene.mood === 'silent' && asked > 3)) {
        return failed('station-down', 'The station program is not running at the moment.', 'Wait some seconds.');
      }
      if (scene.mood === 'failing' && (known.endsWith('.list') || known === 'service.get') && known !== 'batch.list') {
        return failed(
          'store-busy',
          'The records of the station cannot be read.',
          'Free space on the disk, then try again.',
        );
      }
      const input: unknown = calls[known].input.parse(payload);
      const value = (answers[known] as (input: unknown) => unknown)(input);
      if (typeof value === 'string') return failed(value, 'No slot is ready for this unit.', 'Plug the unit in first.');
      return { ok: true, value };
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const emptySlot = (slot: number): SlotView => ({ slot, port: { state: 'empty', name: '' } });

const failed = (code: string, say: string, hint: string) => ({ ok: false, fault: { code, say, hint } });

interface Source<Item> {
  readonly total: number;
  readonly make: (index: number) => Item;
  readonly keep: (item: Item) => boolean;
}

function pageOf<Item>({ total, make, keep }: Source<Item>, cursor: string | undefined, limit = 100) {
  const from = Number(cursor ?? '0');
  const items: Item[] = [];
  let index = from;
  for (; index < total && items.length < limit; index += 1) {
    const item = make(index);
    if (keep(item)) items.push(item);
  }
  return { items, total, ...(index < total ? { next: String(index) } : {}) };
}

function unitAt(index: number): UnitView {
  const state = index % 23 === 5 ? 'failed' : (unitStates[6 - (index % 4)] ?? 'seen');
  const serial = index === 3 ? 'SN-2026-PRODUKTIONSLINIE-0000000000000042' : `SN-2026-${(900_000 - index).toString()}`;
  return {
    unitId: `u${index}`,
    batchId: 'b1',
    serialNumber: serial,
    state,
    attestation: index % 2 === 0 ? 'tpm' : 'x509',
    registrationId: serial.toLowerCase(),
    deviceId: serial,
    fingerprint: '8e0a2f1c4be3b7b2f2f9c8d1e6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7',
    ...(state === 'registered' || state === 'seen' ? { hub: `hub-${(index % 2) + 1}.benchline.local` } : {}),
    slot: (index % 4) + 1,
    operator: 'Ada Okafor',
    runs: index % 23 === 5 ? 2 : 1,
    firstRunMs: nowMs - index * 45_000 - 20_000,
    ...(state === 'failed' ? {} : { passedMs: nowMs - index * 45_000 - 9_000 }),
    ...(state === 'failed'
      ? { fault: { code: 'ek-already-used', say: 'This TPM belongs to SN-2026-000017.', hint: 'Put it aside.' } }
      : {}),
  };
}

function entryAt(index: number): OutboxEntryView {
  const state = index < 1 ? 'parked' : index < 3 ? 'sending' : index < 6 ? 'pending' : 'sent';
  return {
    entryId: index,
    kind: index === 9 ? 'group' : 'individual',
    key: index === 9 ? 'batch-2026-114' : '8e0a2f1c4be3b7b2f2f9c8d1e6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7',
    serialNumber: `SN-2026-${(900_000 - index).toString()}`,
    batchId: 'b1',
    state,
    attempts: state === 'parked' ? 1 : state === 'pending' ? 3 : 1,
    createdMs: nowMs - index * 45_000 - 30_000,
    ...(state === 'pending' ? { nextDueMs: nowMs + 14_000 } : {}),
    ...(state === 'sent' ? { sentMs: nowMs - index * 45_000 } : {}),
    ...(state === 'parked'
      ? {
          fault: {
            code: 'enrollment-conflict',
            say: 'The service already has this registration ID with another key.',
            hint: 'Remove the old enrollment at the service, then try again.',
          },
        }
      : {}),
  };
}
