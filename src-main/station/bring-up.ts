/** Brings up what a station reaches for: its service, the sync to it, and the virtual units. */
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import type { Fault } from '../lib/base/fault.ts';
import { type Result, ok } from '../lib/base/result.ts';
import type { UnitView } from '../contract/views.ts';
import { type HostParts, type StationCore, virtualSerialPrefix } from './composition.ts';
import { type StationConfig, stationPaths } from './config.ts';
import type { ServiceDeskTarget } from './desk/service-desk.ts';
import { createVirtualPower } from './embedded/power.ts';
import { type EmbeddedService, startEmbeddedService } from './embedded/service-program.ts';
import { type VirtualBench, startVirtualBench } from './embedded/virtual-bench.ts';
import { stationFault } from './faults.ts';
import type { LiveState } from './live-state.ts';
import { lookAtPorts } from './presence.ts';
import { type InterruptedUnit, resume } from './recovery.ts';
import { linkService } from './service-link.ts';
import { type Target, configuredTarget, embeddedTarget } from './target.ts';

export interface BringUp {
  readonly config: StationConfig;
  readonly host: HostParts;
  readonly core: StationCore;
  readonly live: LiveState;
  readonly interrupted: readonly InterruptedUnit[];
  readonly signal: AbortSignal;
}

/** What has been reached so far. */
export interface Reached {
  readonly target: Target;
  readonly desk: ServiceDeskTarget;
  /** Switches a virtual unit on once the service knows it. */
  power(unit: UnitView): void;
  stop(): Promise<void>;
}

/** Resolves when everything is up or has failed with a fault that the screens show; it never rejects. */
export async function bringUp(up: BringUp, onReached: (reached: Reached) => void): Promise<void> {
  const { host, live, signal } = up;
  // Looked at first: once the service is up, its state would cover this fault.
  const hasUnits = up.config['virtual-units'] > 0;
  const isSwtpmThere = hasUnits && spawnSync('swtpm', ['--version'], { stdio: 'ignore' }).status === 0;
  if (hasUnits && up.config.tpm === 'swtpm' && !isSwtpmThere) {
    tellFault(up, stationFault('swtpm-missing'));
    return;
  }
  const found = await findTarget(up);
  if (signal.aborted || !found.ok) {
    if (!found.ok) tellFault(up, found.fault);
    else await found.value.embedded?.program.stop();
    return;
  }
  const { target, embedded } = found.value;
  live.target({ name: target.name, idScope: target.idScope, embedded: target.embedded, fault: undefined });
  const link = linkService(target, up.core.store, host, live);
  const power = createVirtualPower({ bench: up.core.bench, ...host, signal });
  const units: { bench?: VirtualBench } = {};
  onReached({
    target,
    desk: link.desk,
    power: (unit) => {
      if (unit.state === 'enrolled') switchOn(up, power, unit);
    },
    stop: async () => {
      await link.stop();
      await units.bench?.stop();
      await embedded?.program.stop();
    },
  });
  const started = await startUnits(up, target, up.config.tpm ?? (isSwtpmThere ? 'swtpm' : 'software'));
  if (!started.ok) {
    tellFault(up, started.fault);
    return;
  }
  units.bench = started.value;
  // A unit that is there must not be passed over because nobody has looked yet.
  await lookAtPorts(up.core.places, up.core.bench);
  await resume(up.interrupted, up.core, host.log, signal);
  await switchOnEnrolled(up, power);
}

async function findTarget(
  up: BringUp,
): Promise<Result<{ readonly target: Target; readonly embedded?: EmbeddedService }>> {
  const { config, host } = up;
  if (config['connection-string'] !== undefined) {
    const target = await configuredTarget(config);
    return target.ok ? ok({ target: target.value }) : target;
  }
  const paths = stationPaths(config.data);
  await mkdir(paths.service, { recursive: true, mode: 0o700 });
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

async function startUnits(up: BringUp, target: Target, tpm: 'swtpm' | 'software'): Promise<Result<VirtualBench>> {
  const { config, host, core } = up;
  if (config['virtual-units'] === 0) return ok({ units: [], stop: async () => undefined });
  const paths = stationPaths(config.data);
  const bench = await startVirtualBench(
    host.launcher,
    {
      folder: paths.virtualBench,
      units: config['virtual-units'],
      attestation: config.attestation,
      tpm,
      serialPrefix: virtualSerialPrefix(core.stationId),
      caFile: target.caFile,
      mqttsPort: target.mqttsPort,
    },
    host,
  );
  if (!bench.ok) return bench;
  for (const unit of bench.value.units) core.virtualPorts.set(unit.slot, unit.port);
  for (const unit of bench.value.units) core.bench.plugged(unit.slot, true);
  return bench;
}

function switchOn(up: BringUp, power: ReturnType<typeof createVirtualPower>, unit: UnitView): void {
  const place = up.core.places.find((one) => one.virtualSerialNumber === unit.serialNumber);
  if (place !== undefined) power.switchOn(unit.serialNumber, place.slot);
}

/** Units that were enrolled while nobody was there to switch them on. */
async function switchOnEnrolled(up: BringUp, power: ReturnType<typeof createVirtualPower>): Promise<void> {
  const enrolled = await up.core.store.listUnits({ state: 'enrolled', limit: 200 });
  if (!enrolled.ok) return;
  for (const unit of enrolled.value.items) switchOn(up, power, unit);
}

function tellFault(up: BringUp, fault: Fault): void {
  up.host.log.error('not-brought-up', { code: fault.code, say: fault.say, hint: fault.hint });
  up.live.target({ state: 'offline', sinceMs: up.host.clock.nowMs(), fault });
}
