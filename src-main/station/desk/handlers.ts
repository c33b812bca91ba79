/** The table of answers: one handler for each call of the contract. */
import type { z } from 'zod';
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { type PlantedFault, trainingFaults } from '../../lib/planted/catalogue.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import { type CallName, type CallValue, type Calls, calls } from '../../contract/calls.ts';
import type { SlotView } from '../../contract/views.ts';
import { parseSerialPattern } from '../batches/serial-pattern.ts';
import type { Batch } from '../batches/model.ts';
import type { Bench } from '../bench/bench.ts';
import { benchFault } from '../bench/faults.ts';
import { deskFault } from './faults.ts';
import type {
  DeskPorts,
  DeskProfiles,
  DeskReports,
  DeskSigners,
  DeskStation,
  DeskStore,
  DeskVirtual,
} from './ports.ts';
import { recoveryCalls } from './recovery-desk.ts';
import { createScanDesk } from './scan-desk.ts';
import type { ServiceDesk } from './service-desk.ts';
import { openSignerCall } from './signer-desk.ts';

export interface DeskParts {
  readonly store: DeskStore;
  readonly bench: Bench;
  readonly ports: DeskPorts;
  readonly service: ServiceDesk;
  readonly signers: DeskSigners;
  readonly reports: DeskReports;
  readonly profiles: DeskProfiles;
  readonly station: DeskStation;
  readonly virtual: DeskVirtual;
  readonly log: Log;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

type Input<Name extends CallName> = z.output<Calls[Name]['input']>;
type Handlers = { readonly [Name in CallName]: (input: Input<Name>) => Promise<Result<CallValue<Name>>> };

export interface Desk {
  /** Never rejects: what goes wrong comes back as a fault. */
  answer(name: CallName, payload: unknown): Promise<Result<unknown>>;
}

export function createDesk(parts: DeskParts): Desk {
  const handlers = handlersFor(parts);
  return Object.freeze({
    answer: async (name, payload) => {
      const input = calls[name].input.safeParse(payload);
      if (!input.success) {
        const [issue] = input.error.issues;
        const reason = `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim();
        return failed(deskFault('call-malformed', { name, reason }));
      }
      try {
        // The name picks schema and handler together, which the compiler cannot follow through a union of names.
        const handler = handlers[name] as (checked: unknown) => Promise<Result<unknown>>;
        return await handler(input.data);
      } catch (bug) {
        parts.log.error('call-broke', { name, error: bug instanceof Error ? (bug.stack ?? bug.message) : String(bug) });
        return failed(deskFault('station-broke'));
      }
    },
  } satisfies Desk);
}

function handlersFor(parts: DeskParts): Handlers {
  const { store, bench, service, signers, station } = parts;
  const operator = (): string => station.view().operator;
  const refreshed = async <T>(result: Result<T>): Promise<Result<T>> => {
    await station.refresh();
    return result;
  };
  const stationAfter = async (result: Result<unknown>) => {
    await station.refresh();
    return result.ok ? ok(station.view()) : result;
  };
  const scans = createScanDesk({
    ...{ bench, store, station },
    clock: parts.clock,
    start: (text, slot) => scan(parts, text, slot),
  });
  return {
    ...portHandlers(parts, operator),
    'station.get': async () => ok(station.view()),
    'operator.set': async ({ name }) => stationAfter(await store.saveSettings({ operator: name }, name)),
    'bench.get': async () => ok({ slots: shownSlots(parts) }),
    'bench.scan': ({ text, slot }) => scan(parts, text, slot),
    'bench.scanVirtual': () => scanVirtual(parts),
    'virtual.faults': async () => ok({ faults: trainingFaults.map(faultView) }),
    'virtual.setFault': async ({ slot, fault }) => {
      const set = await parts.virtual.setFault(slot, fault && defined(fault));
      if (!set.ok) return set;
      // A report of what happened in training must not be taken for the line's.
      const { name = 'none', value = '' } = set.value.virtualFault ?? {};
      const body = { slot: String(slot), fault: name, value: String(value) };
      const noted = await store.appendEvent({ kind: 'training.fault-set', actor: operator(), body });
      return noted.ok ? set : noted;
    },
    'scan.take': ({ text, slot }) => scans.take(text, slot),
    'scan.rules': () => scans.rules(),
    'scan.setRules': ({ rules }) => scans.setRules(rules),
    'bench.abort': async ({ slot }) => bench.abort(slot),
    'batch.list': async () => {
      const listed = await store.listBatches();
      return listed.ok ? ok({ batches: [...listed.value] }) : listed;
    },
    'batch.open': async ({ terms }) => {
      const fits = parts.profiles.check(terms);
      if (!fits.ok) return fits;
      const signer = terms.attestation === 'tpm' ? undefined : signers.forBatch(terms.signerId);
      // The demonstration's signer must never stand in for one that was named.
      if (terms.attestation !== 'tpm' && terms.signerId !== undefined && signer === undefined) {
        return failed(benchFault('signer-not-open', { signerId: terms.signerId }));
      }
      const order = { terms, openedBy: operator(), ...(signer === undefined ? {} : { signer }) };
      return refreshed(await store.openBatch(order));
    },
    'batch.select': async ({ batchId }) => stationAfter(await store.selectBatch(batchId, operator())),
    'batch.close': async ({ batchId }) => refreshed(await store.closeBatch(batchId, operator())),
    'batch.report': ({ batchId, format }) => parts.reports.write(batchId, format),
    'profile.list': async () => ok({ profiles: [...parts.profiles.list()] }),
    'unit.list': (query) => store.listUnits(defined(query)),
    ...recoveryCalls(parts),
    'outbox.list': (query) => store.listOutbox(defined(query)),
    'outbox.retry': ({ entryId }) => store.retryOutbox(entryId, operator()),
    'signer.list': async () => ok({ signers: [...signers.list()] }),
    'signer.open': (input) => openSignerCall({ signers, store }, input, operator()),
    'service.get': async () => ok(await service.view()),
    'service.linkHub': (input) => service.linkHub(input),
    'service.unlinkHub': ({ hostName }) => service.unlinkHub(hostName),
    'service.setPolicy': ({ allocationPolicy }) => service.setPolicy(allocationPolicy),
    'service.enroll': (input) => service.enroll(input),
  };
}

/** A bench has sixteen slots; what is shown of them is the hall's choice. */
const shownSlots = ({ bench, station }: DeskParts): SlotView[] =>
  bench.slots().filter(({ slot }) => slot <= station.view().slots);

type PortCall = Extract<CallName, `slot.${string}` | `adapter.${string}` | 'bench.setSlots'>;

function portHandlers(parts: DeskParts, operator: () => string): Pick<Handlers, PortCall> {
  const { ports, station } = parts;
  // A slot that is bound is shown.
  const refreshed = async <T>(result: T): Promise<T> => {
    await station.refresh();
    return result;
  };
  return {
    'bench.setSlots': async ({ slots }) => {
      const resized = await ports.resize(slots, operator());
      await station.refresh();
      return resized.ok ? ok(station.view()) : resized;
    },
    'adapter.list': async () => ok({ adapters: [...(await ports.adapters())] }),
    'slot.learn': ({ slot }) => ports.learn(slot, operator()),
    'slot.stopLearning': async () => {
      await ports.stopLearning();
      return ok({ slots: shownSlots(parts) });
    },
    'slot.bind': async ({ slot, address }) => refreshed(await ports.bind(slot, address, operator())),
    'slot.unbind': async ({ slot }) => refreshed(await ports.unbind(slot, operator())),
    'adapter.check': ({ slot }) => ports.check(slot),
    'adapter.remedy': ({ slot, remedy }) => ports.remedy(slot, remedy, operator()),
  };
}

function faultView({ name, say, needs, value }: PlantedFault): CallValue<'virtual.faults'>['faults'][number] {
  return { name, say, ...(needs === undefined ? {} : { needs }), ...(value === undefined ? {} : { value }) };
}

/** Optional members that are present but undefined are left out: the store tells absent from given. */
function defined<T extends object>(query: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}

async function selectedBatch(parts: DeskParts): Promise<Result<Batch>> {
  const { batchId } = parts.station.view();
  return batchId === undefined ? failed(benchFault('batch-none-open')) : parts.store.openedBatch(batchId);
}

async function scan(parts: DeskParts, text: string, slot: number | undefined): Promise<Result<SlotView>> {
  const batch = await selectedBatch(parts);
  if (!batch.ok) return batch;
  const pattern = parseSerialPattern(batch.value.terms.serialPattern);
  if (!pattern.ok) return pattern;
  const serialNumber = pattern.value.parse(text.trim());
  if (serialNumber === undefined) {
    const { name, serialPattern } = batch.value.terms;
    return failed(benchFault('serial-malformed', { scanned: text.slice(0, 64), pattern: serialPattern, batch: name }));
  }
  const { operator } = parts.station.view();
  const samples = await parts.store.listSamples();
  if (!samples.ok) return samples;
  const sample = samples.value.find((one) => one.serialNumber === serialNumber);
  const golden = sample === undefined ? {} : { golden: { name: sample.name, expect: sample.expect } };
  const request = { batch: batch.value, serialNumber, operator, ...golden };
  return parts.bench.start(slot === undefined ? request : { ...request, slot });
}

/**
 * The labels of the virtual units that are plugged in, have not passed, and are not in work. One that is refused holds
 * up no other; when none could start, the first refusal says why.
 */
async function scanVirtual(parts: DeskParts): Promise<Result<{ started: number }>> {
  const waiting = parts.bench
    .slots()
    .filter((slot) => slot.port.state === 'ready' && slot.run?.state !== 'working' && slot.run?.state !== 'pass');
  let started = 0;
  let refusal: Fault | undefined;
  for (const slot of waiting) {
    if (slot.virtualSerialNumber === undefined) continue;
    const begun = await scan(parts, slot.virtualSerialNumber, slot.slot);
    if (begun.ok) started += 1;
    else if (begun.fault.code !== 'unit-already-passed') refusal ??= begun.fault;
  }
  return started === 0 && refusal !== undefined ? failed(refusal) : ok({ started });
}
