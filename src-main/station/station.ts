/** A running station: it answers at once, and reaches its service and its virtual units as they come up. */
import { type Result, failed, ok } from '../lib/base/result.ts';
import type { CallName } from '../contract/calls.ts';
import { type Reached, bringUp } from './bring-up.ts';
import { noteClock } from './clock-trust.ts';
import { type HostParts, type StationCore, composeCore } from './composition.ts';
import { type StationConfig, stationPaths } from './config.ts';
import { createDesk } from './desk/handlers.ts';
import { createServiceDesk } from './desk/service-desk.ts';
import { openSigner } from './desk/signer-desk.ts';
import { createTraining } from './embedded/training.ts';
import { stationFault } from './faults.ts';
import { type UnitTarget, readKeptTarget } from './kept-target.ts';
import { type LiveState, createLiveState } from './live-state.ts';
import { watchLoop } from './loop-watch.ts';
import { prepareBatch } from './prepared-batch.ts';
import { endInterrupted } from './recovery.ts';
import { createBatchReports } from './reports/batch-reports.ts';
import { readSignerFile } from './signers/signer-file.ts';
import { type Tell, tellChanges } from './tell-changes.ts';

export interface Station {
  answer(name: CallName, payload: unknown): Promise<Result<unknown>>;
  stop(): Promise<void>;
}

export async function startStation(config: StationConfig, host: HostParts, tell: Tell): Promise<Result<Station>> {
  const live: Outlets['live'] = { kept: await readKeptTarget(stationPaths(config.data).target, config) };
  const composed = await composeCore(config, host, {
    target: () => live.reached?.target ?? live.kept,
    onSlot: (view) => {
      tell('slot.changed', view);
    },
  });
  if (!composed.ok) return composed;
  const started = await startOn(composed.value, config, host, { tell, live });
  if (!started.ok) await composed.value.store.close();
  return started;
}

interface Outlets {
  readonly tell: Tell;
  /** What the core's parts look at for their target: the one of an earlier start until the service is reached. */
  readonly live: { reached?: Reached; readonly kept: UnitTarget | undefined };
}

async function startOn(
  core: StationCore,
  config: StationConfig,
  host: HostParts,
  { tell, live: link }: Outlets,
): Promise<Result<Station>> {
  const stopping = new AbortController();
  const live = liveStateOf(config, core, host, tell);
  const signer = await openConfiguredSigner(config, core);
  if (!signer.ok) return signer;
  const prepared = await prepareBatch(config, core);
  if (!prepared.ok) return prepared;
  await refresh(core, live);
  const interrupted = await endInterrupted(core, host.clock);
  if (!interrupted.ok) return interrupted;
  const last = await core.store.lastRuns();
  if (!last.ok) return last;
  for (const { slot, run } of last.value) core.bench.restore(slot, run);
  tellChanges(core, tell, (unit) => link.reached?.power(unit));
  void core.presence.watch(stopping.signal);
  const loopSeconds = config['watch-loop'];
  if (loopSeconds !== undefined) void watchLoop(loopSeconds, host, stopping.signal);
  const noting = noteClock(core.clockTrust, host.clock, stopping.signal);
  const up = bringUp(
    { config, host, core, live, interrupted: interrupted.value, kept: link.kept, signal: stopping.signal },
    (now) => (link.reached = now),
  );
  const desk = createDesk({
    store: core.store,
    bench: core.bench,
    ports: core.slotDesk,
    service: createServiceDesk(() => link.reached?.desk),
    signers: core.signers,
    profiles: core.profiles,
    reports: createBatchReports(core.store, stationPaths(config.data).reports),
    virtual: createTraining({
      bench: core.bench,
      units: () => core.virtual.bench,
      ports: core.virtualPorts,
      folder: stationPaths(config.data).virtualBench,
    }),
    station: { view: () => live.view(), refresh: () => refresh(core, live) },
    clock: host.clock,
    log: host.log,
  });
  return ok({
    answer: async (name, payload) =>
      stopping.signal.aborted ? failed(stationFault('station-stopping')) : desk.answer(name, payload),
    stop: async () => {
      stopping.abort();
      // Side by side: each has ten seconds to end, and who stops the station waits for eleven.
      await Promise.all([core.bench.close(), up.stop()]);
      await Promise.all(core.ports.map((port) => port.close()));
      await noting;
      await core.clockTrust.note();
      await core.store.close();
    },
  });
}

/** A headless station has nobody to type a passphrase. */
async function openConfiguredSigner(config: StationConfig, core: StationCore): Promise<Result<unknown>> {
  const { signer, 'signer-passphrase-file': passphraseFile } = config;
  if (signer === undefined || passphraseFile === undefined) return ok();
  const file = await readSignerFile(signer, passphraseFile);
  return file.ok ? openSigner(core, file.value, 'station') : file;
}

function liveStateOf(config: StationConfig, core: StationCore, host: HostParts, tell: Tell): LiveState {
  const isEmbedded = config['connection-string'] === undefined;
  return createLiveState(
    {
      stationId: core.stationId,
      version: host.version,
      operator: defaultOperator,
      slots: core.slotCount(),
      virtualBench: config['virtual-units'] > 0,
      target: {
        name: isEmbedded ? 'Embedded service' : 'Provisioning service',
        idScope: '',
        state: 'starting',
        pending: 0,
        parked: 0,
        sent: 0,
        sinceMs: host.clock.nowMs(),
        embedded: isEmbedded,
      },
    },
    (view) => {
      tell('station.changed', view);
    },
  );
}

/** Until somebody says who works here. */
const defaultOperator = 'Operator';

/** Takes what the store says of operator and selected batch. */
async function refresh(core: StationCore, live: LiveState): Promise<void> {
  const settings = await core.store.settings();
  if (!settings.ok) return;
  const { operator, selectedBatchId } = settings.value;
  live.update({
    slots: core.slotCount(),
    ...(operator === undefined ? {} : { operator }),
    ...(selectedBatchId === undefined ? {} : { batchId: selectedBatchId }),
  });
}
