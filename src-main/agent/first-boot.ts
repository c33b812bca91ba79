/** What a unit does by itself once it is written: register, go to its hub, say hello, read its twin, stay. */
import { backoffMs } from '../lib/base/backoff.ts';
import type { Clock } from '../lib/base/clock.ts';
import { sleep } from '../lib/base/clock.ts';
import type { Fault } from '../lib/base/fault.ts';
import { parseHostPort } from '../lib/base/host-port.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import { createDeviceClient } from '../lib/dps/device-client.ts';
import type { DeviceAssignment, DeviceEndpoint } from '../lib/dps/device-client.ts';
import { isTransient } from '../lib/dps/faults.ts';
import type { DeviceSettings, DeviceStatus } from '../lib/link/index.ts';
import { certificatesToPem } from '../lib/x509/pem.ts';
import type { Attester } from './attester.ts';
import type { CredentialStore } from './credential-store.ts';
import { agentFault } from './faults.ts';
import { connectToHub } from './hub-connection.ts';

export interface FirstBootParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: CredentialStore;
  readonly attester: Attester;
  readonly serialNumber: string;
  readonly firmware: string;
  /** What the firmware trusts; settings may add to it. */
  readonly caPem: string | undefined;
  /** Where an assigned hub names no port. */
  readonly mqttsPort: number;
}

export interface FirstBoot {
  /** A boot under way ends, and a new one begins with what is written now. */
  start(): Promise<Result<void>>;
  status(): Promise<DeviceStatus>;
  stop(): Promise<void>;
}

// A line of units boots together and must not hammer a service that is down; a technician should not wait for minutes.
const retry = { firstMs: 1_000, maxMs: 30_000 };
/** Connections to one hub in a row; then the unit asks the service again, since it may have been moved. */
const maxHubAttempts = 5;
const defaultHttpsPort = 443;

interface Boot {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

export function createFirstBoot(parts: FirstBootParts): FirstBoot {
  let boot: Boot | undefined;
  let progress: DeviceStatus | undefined;
  const stop = async (): Promise<void> => {
    const ending = boot;
    ending?.stop.abort();
    await ending?.ended;
    if (boot === ending) boot = undefined;
  };
  /** One journey at a time: it sets out when the one before has ended, and not at all if it is stopped by then. */
  const travel = async (
    earlier: Boot | undefined,
    settings: DeviceSettings,
    signal: AbortSignal,
    report: Report,
  ): Promise<void> => {
    await earlier?.ended;
    if (signal.aborted) return;
    report({ state: 'booting' });
    await new Journey(parts, settings, signal, report).run();
  };
  return {
    stop,
    async start() {
      const settings = await writtenSettings(parts);
      if (!settings.ok) return settings;
      const { registrationId } = settings.value;
      const stopping = new AbortController();
      const report = (status: Omit<DeviceStatus, 'registrationId'>): void => {
        progress = { ...status, registrationId };
      };
      // Taken over before anything is awaited: of two starts at the same time the later one stops the earlier.
      const earlier = boot;
      earlier?.stop.abort();
      report({ state: 'booting' });
      boot = { stop: stopping, ended: travel(earlier, settings.value, stopping.signal, report) };
      return ok();
    },
    async status() {
      if (progress !== undefined) return progress;
      const settings = await writtenSettings(parts);
      if (!settings.ok) {
        const { code, say } = settings.fault;
        return code === 'agent-nothing-written' ? { state: 'blank' } : { state: 'failed', fault: say };
      }
      return { state: 'written', registrationId: settings.value.registrationId };
    },
  };
}

async function writtenSettings({ store, attester }: FirstBootParts): Promise<Result<DeviceSettings>> {
  const settings = await store.settings();
  if (!settings.ok) return settings;
  if (settings.value === undefined || !(await attester.isReady())) return failed(agentFault('agent-nothing-written'));
  return ok(settings.value);
}

type Report = (status: Omit<DeviceStatus, 'registrationId'>) => void;

/** One boot, from registration to the hub and back again for as long as the unit has power. */
class Journey {
  readonly #parts: FirstBootParts;
  readonly #settings: DeviceSettings;
  readonly #signal: AbortSignal;
  readonly #report: Report;
  readonly #caPem: string | undefined;

  constructor(parts: FirstBootParts, settings: DeviceSettings, signal: AbortSignal, report: Report) {
    this.#parts = parts;
    this.#settings = settings;
    this.#signal = signal;
    this.#report = report;
    this.#caPem = trusted(parts.caPem, settings);
  }

  /** Goes on until it is stopped: a unit in the field has nobody to start it again. Each wait has its bound. */
  async run(): Promise<void> {
    for (let attempt = 1; !this.#isStopped(); attempt += 1) {
      const registered = await this.#register();
      if (registered.ok) {
        attempt = 0;
        await this.#stay(registered.value);
      } else {
        this.#note('register', registered.fault);
        await this.#pause(attempt);
      }
    }
  }

  #isStopped(): boolean {
    return this.#signal.aborted;
  }

  async #register(): Promise<Result<DeviceAssignment>> {
    const { attester, log } = this.#parts;
    const { registrationId } = this.#settings;
    this.#report({ state: 'registering' });
    const identity = await attester.identity(registrationId);
    if (!identity.ok) return identity;
    const client = createDeviceClient(endpointOf(this.#settings, this.#caPem), this.#parts);
    const assigned = await client.register(identity.value, { signal: this.#signal });
    if (!assigned.ok) return assigned;
    const { assignedHub, deviceId } = assigned.value;
    const accepted = await attester.accept(assigned.value);
    if (!accepted.ok) return accepted;
    log.info('assigned', { registrationId, hub: assignedHub, deviceId });
    this.#report({ state: 'assigned', assignedHub, deviceId });
    return assigned;
  }

  async #stay(assignment: DeviceAssignment): Promise<void> {
    const { assignedHub, deviceId } = assignment;
    for (let attempt = 1; attempt <= maxHubAttempts && !this.#isStopped(); attempt += 1) {
      const visited = await this.#visit(assignment);
      if (visited.ok) attempt = 0;
      else this.#note('hub', visited.fault);
      if (!this.#isStopped()) {
        const fault = visited.ok ? agentFault('hub-lost', { hub: assignedHub }) : visited.fault;
        this.#report({ state: 'assigned', assignedHub, deviceId, fault: fault.say });
      }
      await this.#pause(Math.max(1, attempt));
    }
  }

  /** Ends well when the hub was reached and the connection ended later. */
  async #visit(assignment: DeviceAssignment): Promise<Result<void>> {
    const { attester, clock, log, serialNumber, firmware, mqttsPort } = this.#parts;
    const { assignedHub, deviceId } = assignment;
    const proof = await attester.hubProof(assignment);
    if (!proof.ok) return proof;
    const target = { hub: assignedHub, deviceId, port: mqttsPort, caPem: this.#caPem, proof: proof.value };
    const connected = await connectToHub(target, clock, this.#signal);
    if (!connected.ok) return connected;
    const hub = connected.value;
    try {
      const sent = await hub.sendTelemetry({ serialNumber, firmware });
      if (!sent.ok) return sent;
      const twin = await hub.readTwin();
      if (!twin.ok) return twin;
      log.info('connected', { hub: assignedHub, deviceId, desiredVersion: twin.value.desiredVersion });
      this.#report({ state: 'connected', assignedHub, deviceId });
      await hub.gone;
      return ok();
    } finally {
      await hub.close();
    }
  }

  /** What passes by itself leaves the unit registering; a refusal shows as failed, though it keeps asking. */
  #note(step: string, fault: Fault): void {
    if (this.#isStopped()) return;
    this.#parts.log.warn('boot-step-failed', { step, code: fault.code, say: fault.say });
    if (step === 'register') this.#report({ state: isTransient(fault) ? 'registering' : 'failed', fault: fault.say });
  }

  async #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#parts;
    await sleep(clock, backoffMs(attempt, random.fraction(), retry), this.#signal);
  }
}

function endpointOf(settings: DeviceSettings, caPem: string | undefined): DeviceEndpoint {
  const { endpoint, idScope } = settings;
  const { host = endpoint, port = defaultHttpsPort } = parseHostPort(endpoint) ?? {};
  return { host, port, idScope, ...(caPem === undefined ? {} : { caPem }) };
}

function trusted(caPem: string | undefined, settings: DeviceSettings): string | undefined {
  const roots = certificatesToPem(settings.trustedRoots ?? []);
  const all = `${caPem ?? ''}${caPem?.endsWith('\n') === false ? '\n' : ''}${roots}`;
  return all === '' ? undefined : all;
}
