/** Composes the parts of a station; the same for desktop and headless. */
import { createHash } from 'node:crypto';
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { type Result, ok } from '../lib/base/result.ts';
import { type Bench, createBench } from './bench/bench.ts';
import { type ClockTrust, createClockTrust } from './clock-trust.ts';
import type { StationConfig } from './config.ts';
import { stationPaths } from './config.ts';
import { makeFolder } from './data-folder.ts';
import { readProfiles } from './device-files.ts';
import { type DeviceProfiles, createDeviceProfiles } from './drivers/device-profiles.ts';
import { createEndorsementCheck } from './drivers/endorsement-check.ts';
import type { SlotPlace, SlotPort } from './drivers/slot-port.ts';
import { type EkRootFolder, loadEkRoots } from './ek-roots.ts';
import type { Launcher } from './embedded/service-program.ts';
import type { VirtualBench } from './embedded/virtual-bench.ts';
import { type StationStore, createStationStore } from './queue/station-store.ts';
import { withheldBy } from './signers/device-signer.ts';
import { type StationSigners, openStationSigners } from './signers/station-signers.ts';
import { createTurns } from './signers/turns.ts';
import type { Presence } from './adapters/presence.ts';
import type { SlotDesk } from './adapters/slot-desk.ts';
import type { PortCatalog } from '../lib/serial/index.ts';
import { composeSlots } from './slots.ts';
import { claimFolder } from './folder-claim.ts';
import type { UnitTarget } from './kept-target.ts';
import type { SlotView } from '../contract/views.ts';

export interface HostParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly launcher: Launcher;
  readonly version: string;
  readonly catalog: PortCatalog;
  readonly entries: { readonly storeWorker: string; readonly portHost: string; readonly signerWorker: string };
}

export interface StationCore {
  readonly store: StationStore;
  readonly signers: StationSigners;
  readonly bench: Bench;
  readonly clockTrust: ClockTrust;
  readonly profiles: DeviceProfiles;
  readonly places: readonly SlotPlace[];
  readonly ports: readonly SlotPort[];
  readonly stationId: string;
  readonly operator: string | undefined;
  readonly selectedBatchId: string | undefined;
  /** Where a virtual unit's pseudo-terminal is, once it has one. */
  readonly virtualPorts: Map<number, string>;
  readonly presence: Presence;
  readonly slotDesk: SlotDesk;
  /** How many slots the bench shows. */
  slotCount(): number;
  /** The virtual units, once they are there. */
  readonly virtual: { bench?: VirtualBench };
}

interface CoreOutlets {
  /** Undefined until a service was reached, now or at an earlier start. */
  target(): UnitTarget | undefined;
  onSlot(view: SlotView): void;
}

/** What a station is before it reaches a service; with its store it closes its claim on the data folder. */
export async function composeCore(
  config: StationConfig,
  host: HostParts,
  live: CoreOutlets,
): Promise<Result<StationCore>> {
  const folder = await makeFolder(config.data);
  if (!folder.ok) return folder;
  const claim = await claimFolder(config.data, host.clock);
  if (!claim.ok) return claim;
  const core = await composeParts(config, host, live);
  if (!core.ok) {
    claim.value.release();
    return core;
  }
  const { store } = core.value;
  const close = async (): Promise<void> => {
    await store.close();
    claim.value.release();
  };
  return ok({ ...core.value, store: { ...store, close } });
}

/** Store, signers, and a bench whose slots are still empty. */
async function composeParts(config: StationConfig, host: HostParts, live: CoreOutlets): Promise<Result<StationCore>> {
  const paths = stationPaths(config.data);
  const { clock, random, log } = host;
  const ekRoots = await loadEkRoots(ekRootFolders(config));
  if (!ekRoots.ok) return ekRoots;
  const ownProfiles = await readProfiles(paths.devices);
  if (!ownProfiles.ok) return ownProfiles;
  const profiles = createDeviceProfiles(ownProfiles.value);
  const store = await createStationStore({ file: paths.database, workerEntry: host.entries.storeWorker, clock, log });
  if (!store.ok) return store;
  const signers = await openStationSigners(paths.signers, { clock, random, workerEntry: host.entries.signerWorker });
  if (!signers.ok) {
    await store.value.close();
    return signers;
  }
  const settings = await store.value.settings();
  if (!settings.ok) {
    await store.value.close();
    return settings;
  }
  const clockTrust = createClockTrust(settings.value.lastSeenMs, { clock, log, store: store.value });
  const { stationId, operator, selectedBatchId } = settings.value;
  const slots = await composeSlots({
    ...{ config, stationId, clock, random, log, profiles, catalog: host.catalog, store: store.value },
    portHost: { execPath: host.launcher.command, entryPath: host.entries.portHost },
    trustedRoots: () => live.target()?.trustedRoots ?? [],
  });
  if (!slots.ok) {
    await store.value.close();
    return slots;
  }
  const { places, ports, virtualPorts, bindings } = slots.value;
  const inTurns = createTurns();
  const bench = createBench({
    slots: ports,
    journal: store.value,
    endorsement: createEndorsementCheck(ekRoots.value, clock),
    digest: { sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()) },
    clock,
    random,
    log,
    signerFor: (batch) => {
      const signer = signers.value.deviceSigner(batch.terms);
      return signer === undefined ? undefined : inTurns(withheldBy(signer, () => clockTrust.fault()));
    },
    // These two alone: what goes to the bench is written to units.
    target: () => {
      const target = live.target();
      return target === undefined ? undefined : { idScope: target.idScope, endpoint: target.endpoint };
    },
    onSlot: (view) => {
      if (view.slot <= bindings.count()) live.onSlot(view);
    },
  });
  const { presence, desk: slotDesk } = slots.value.attend(bench, (view) => {
    live.onSlot(view);
  });
  const own = { stationId, operator, selectedBatchId, clockTrust };
  const attended = { presence, slotDesk, slotCount: () => bindings.count() };
  const bound = { bench, profiles, places, ports, virtualPorts, virtual: {}, ...attended };
  return ok({ store: store.value, signers: signers.value, ...bound, ...own });
}

function ekRootFolders(config: StationConfig): readonly EkRootFolder[] {
  const named = config['ek-roots'];
  const own = { path: stationPaths(config.data).ekRoots, isOptional: true };
  return named === undefined ? [own] : [own, { path: named, isOptional: false }];
}
