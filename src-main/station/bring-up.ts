/** Brings up what a station reaches for: its service, the sync to it, and the virtual units. */
import { spawnSync } from 'node:child_process';
import type { Fault } from '../lib/base/fault.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { systemCodeOf } from '../lib/files/durable-file.ts';
import type { UnitView } from '../contract/views.ts';
import { virtualSerialPrefix } from './batches/naming.ts';
import { keepHostsReady } from './adapters/ready-hosts.ts';
import type { HostParts, StationCore } from './composition.ts';
import { type StationConfig, stationPaths } from './config.ts';
import { makeFolder } from './data-folder.ts';
import type { ServiceDeskTarget } from './desk/service-desk.ts';
import { type VirtualPower, createVirtualPower } from './embedded/power.ts';
import { type EmbeddedService, startEmbeddedService } from './embedded/service-program.ts';
import { startVirtualBench } from './embedded/virtual-bench.ts';
import { stationFault } from './faults.ts';
import { type UnitTarget, keepTarget } from './kept-target.ts';
import { type LiveState, faultView } from './live-state.ts';
import type { AutoRecovery } from './queue/recoveries.ts';
import { resume } from './recovery.ts';
import { linkService } from './service-link.ts';
import { type Target, configuredTarget, embeddedTarget } from './target.ts';

export interface BringUp {
  readonly config: StationConfig;
  readonly host: HostParts;
  readonly core: StationCore;
  readonly live: LiveState;
  readonly interrupted: readonly AutoRecovery[];
  /** What an earlier start knew: units go on with it while the service does not come up. */
  readonly kept: UnitTarget | undefined;
  readonly signal: AbortSignal;
}

/** What has been reached so far. */
export interface Reached {
  readonly target: Target;
  readonly desk: ServiceDeskTarget;
  /** Switches a virtual unit on once the service knows it. */
  power(unit: UnitView): void;
}

export interface BroughtUp {
  /** After the signal was aborted: stops side by side what came up, and waits for what was still coming. */
  stop(): Promise<void>;
}

type Stop = () => Promise<void>;
interface Work extends BringUp {
  readonly power: VirtualPower;
  onReached(reached: Reached): void;
  /** What comes up too late for a stop is stopped at once. */
  keep(stop: Stop): Promise<void>;
}

/** Whatever fails is told on the screens with its fault; nothing here rejects. */
export function bringUp(up: BringUp, onReached: (reached: Reached) => void): BroughtUp {
  const { core, host, signal } = up;
  const running: Stop[] = [];
  const keep = async (stop: Stop): Promise<void> => {
    if (signal.aborted) await stop();
    else running.push(stop);
  };
  const power = createVirtualPower({ bench: core.bench, ...host, signal });
  const done = everything({ ...up, power, onReached, keep });
  return {
    stop: async () => {
      await Promise.all([done, ...running.map((stop) => stop())]);
    },
  };
}

async function everything(up: Work): Promise<void> {
  const { core, host, live, signal } = up;
  const reached = await guarded(up, () => reachService(up));
  if (signal.aborted) return;
  if (!reached.ok) {
    tell(up, reached.fault);
    live.target({ state: 'offline', sinceMs: host.clock.nowMs(), fault: reached.fault });
  }
  const target = reached.ok ? reached.value : up.kept;
  const rest = await guarded(up, async () => {
    const units = target === undefined ? ok() : await startUnits(up, target);
    if (!units.ok) showFault(up, units.fault);
    // A unit that is there must not be passed over because nobody has looked yet.
    await core.presence.look();
    void keepHostsReady({ ...core, ...host, prepare: async (slot) => core.ports[slot - 1]?.prepare() }, signal);
    await resume(up.interrupted, core, host.log, signal);
    if (!signal.aborted) await switchOnEnrolled(up);
    return ok();
  });
  if (!rest.ok) showFault(up, rest.fault);
}

async function reachService(up: Work): Promise<Result<Target | undefined>> {
  const { config, core, host, live, signal } = up;
  const found = await findTarget(up);
  if (!found.ok) return found;
  const { target, embedded } = found.value;
  if (embedded !== undefined) await up.keep(() => embedded.program.stop());
  if (signal.aborted) return ok(undefined);
  live.target({ name: target.name, idScope: target.idScope, embedded: target.embedded, fault: undefined });
  await keepTarget(stationPaths(config.data).target, target, host.log);
  const link = linkService(target, { ...core, host, live });
  await up.keep(() => link.stop());
  up.onReached({
    target,
    desk: link.desk,
    power: (unit) => {
      if (unit.state === 'enrolled') switchOn(up, unit);
    },
  });
  return ok(target);
}

interface Found {
  readonly target: Target;
  readonly embedded?: EmbeddedService;
}

async function findTarget(up: Work): Promise<Result<Found>> {
  const { config, host } = up;
  if (config['connection-string'] !== undefined) {
    const target = await configuredTarget(config);
    return target.ok ? ok({ target: target.value }) : target;
  }
  const paths = stationPaths(config.data);
  const folder = await makeFolder(paths.service);
  if (!folder.ok) return folder;
  const { listen, https, mqtts, amqps } = config;
  const hasPorts = https !== undefined && mqtts !== undefined && amqps !== undefined;
  const options = {
    data: paths.service,
    readyFile: paths.serviceReady,
    hubs: config.hubs,
    retryAfter: config['retry-after'],
    ...(listen === undefined ? {} : { listen }),
    ...(hasPorts ? { ports: { https, mqtts, amqps } } : {}),
  };
  const embedded = await startEmbeddedService(host.launcher, options, host, up.signal);
  if (!embedded.ok) return embedded;
  const target = await embeddedTarget(embedded.value.ready);
  if (target.ok) return ok({ target: target.value, embedded: embedded.value });
  await embedded.value.program.stop();
  return target;
}

async function startUnits(up: Work, target: UnitTarget): Promise<Result<void>> {
  const { config, host, core, signal } = up;
  if (config['virtual-units'] === 0) return ok();
  const isSwtpmThere = spawnSync('swtpm', ['--version'], { stdio: 'ignore' }).status === 0;
  if (config.tpm === 'swtpm' && !isSwtpmThere) return failed(stationFault('swtpm-missing'));
  const options = {
    folder: stationPaths(config.data).virtualBench,
    units: config['virtual-units'],
    attestation: config.attestation,
    tpm: config.tpm ?? (isSwtpmThere ? 'swtpm' : 'software'),
    serialPrefix: virtualSerialPrefix(core.stationId),
    caFile: target.caFile,
    mqttsPort: target.mqttsPort,
  };
  const bench = await startVirtualBench(host.launcher, options, host, signal);
  await up.keep(() => bench.stop());
  if (signal.aborted) return ok();
  core.virtual.bench = bench;
  for (const unit of bench.units) core.virtualPorts.set(unit.slot, unit.port);
  for (const unit of bench.units) core.bench.plugged(unit.slot, true);
  return bench.fault === undefined ? ok() : failed(bench.fault);
}

function switchOn(up: Work, unit: UnitView): void {
  const place = up.core.places.find((one) => one.virtualSerialNumber === unit.serialNumber);
  if (place !== undefined) up.power.switchOn(unit.serialNumber, place.slot);
}

/** Units that were enrolled while nobody was there to switch them on. */
async function switchOnEnrolled(up: Work): Promise<void> {
  const enrolled = await up.core.store.listUnits({ state: 'enrolled', limit: 200 });
  if (!enrolled.ok) return;
  for (const unit of enrolled.value.items) switchOn(up, unit);
}

/** A disk that refuses, or a bug, becomes a fault that is told: a start that stays silent helps nobody. */
async function guarded<T>(up: Work, work: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await work();
  } catch (error) {
    up.host.log.error('bring-up-broke', { error: error instanceof Error ? (error.stack ?? error.message) : 'unknown' });
    return failed(stationFault('bring-up-broke', { reason: systemCodeOf(error) ?? 'a fault of the station' }));
  }
}

/** Not the service's fault: it stays until the next start, whatever the service does. A stop is nobody's fault. */
function showFault(up: Work, fault: Fault): void {
  if (up.signal.aborted) return;
  tell(up, fault);
  up.live.update({ fault: faultView(fault) });
}

function tell(up: Work, fault: Fault): void {
  up.host.log.error('not-brought-up', { code: fault.code, say: fault.say, hint: fault.hint });
}
