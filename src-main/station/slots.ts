/** Composes a bench's sixteen slots: what each is bound to, how its port is opened, and who watches it. */
import type { Log } from '../lib/base/log.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Random } from '../lib/base/random.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import type { PortCatalog } from '../lib/serial/index.ts';
import type { SlotView } from '../contract/views.ts';
import { type Bindings, type BindingStore, createBindings, maxSlots } from './adapters/bindings.ts';
import { adapterFault } from './adapters/faults.ts';
import { createDoctor } from './adapters/doctor.ts';
import { type Presence, createPresence } from './adapters/presence.ts';
import { type SlotDesk, createSlotDesk } from './adapters/slot-desk.ts';
import { slotLine } from './adapters/slot-line.ts';
import { virtualSerialPrefix } from './batches/naming.ts';
import type { Bench } from './bench/bench.ts';
import type { StationConfig } from './config.ts';
import type { DeviceProfiles } from './drivers/device-profiles.ts';
import { type SlotPlace, type SlotPort, createSlotPort } from './drivers/slot-port.ts';
import type { KeptSlots } from './queue/slots.ts';

export interface SlotParts {
  readonly config: StationConfig;
  readonly stationId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly catalog: PortCatalog;
  readonly portHost: { readonly execPath: string; readonly entryPath: string };
  readonly store: BindingStore & { keptSlots(): Promise<Result<KeptSlots>> };
  readonly profiles: DeviceProfiles;
  readonly trustedRoots: () => readonly Uint8Array[];
}

export interface StationSlots {
  readonly bindings: Bindings;
  readonly places: readonly SlotPlace[];
  readonly ports: readonly SlotPort[];
  /** Where a virtual unit's pseudo-terminal is, once it has one. */
  readonly virtualPorts: Map<number, string>;
  /** What watches the slots and answers for them, once there is a bench. */
  attend(bench: Bench, onSlot: (view: SlotView) => void): { readonly presence: Presence; readonly desk: SlotDesk };
}

export async function composeSlots(parts: SlotParts): Promise<Result<StationSlots>> {
  const { config, clock, random, log, catalog, store } = parts;
  const kept = await store.keptSlots();
  if (!kept.ok) return kept;
  const virtualPorts = new Map<number, string>();
  const virtualPath = (slot: number): string | undefined => virtualPorts.get(slot);
  const virtualSlots = config['virtual-units'];
  const bindings = createBindings({
    ...{ store, kept: kept.value, virtualSlots },
    given: config.slot.filter(({ slot }) => slot > virtualSlots),
    givenCount: config.slots,
  });
  const lineParts = { bindings, catalog, stationBaudRate: config.baud, virtualPath };
  const places = Array.from({ length: maxSlots }, (_, at): SlotPlace => {
    const slot = at + 1;
    const line: SlotPlace['line'] = (baudRate) => slotLine(lineParts, slot, baudRate);
    const virtual = { name: 'virtual unit', virtualSerialNumber: virtualSerialNumber(parts.stationId, slot) };
    return { slot, line, ...(bindings.isVirtual(slot) ? virtual : { name: bindings.of(slot).address ?? 'not bound' }) };
  });
  const { portHost, profiles, trustedRoots } = parts;
  const ports = places.map((place) => createSlotPort(place, { clock, random, log, portHost, profiles, trustedRoots }));
  return ok({
    ...{ bindings, places, ports, virtualPorts },
    attend: (bench, onSlot) => {
      const presence = createPresence({ bindings, catalog, bench, clock, log, virtualPath });
      const doctor = createDoctor({
        ...{ bindings, bench, clock, log, lines: lineParts },
        openLine: (slot, change, signal) =>
          ports[slot - 1]?.openLine(change, signal) ?? Promise.resolve(failed(unbound(slot))),
      });
      return { presence, desk: createSlotDesk({ bindings, presence, catalog, bench, doctor, onSlot }) };
    },
  });
}

const unbound = (slot: number) => adapterFault('port-unbound', { slot });

function virtualSerialNumber(stationId: string, slot: number): string {
  return `${virtualSerialPrefix(stationId)}${String(slot).padStart(4, '0')}`;
}
