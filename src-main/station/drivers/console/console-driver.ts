/** A unit that is spoken to by a recipe: what its device profile says is typed, and what it answers is judged by it. */
import type { CancelSignal } from '../../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../../lib/base/clock.ts';
import { type Result, failed, ok } from '../../../lib/base/result.ts';
import type { ByteStream } from '../../../lib/base/stream.ts';
import { certificatesFromPem } from '../../../lib/x509/pem.ts';
import type { DeviceSettings, UnitDriver, UnitFacts } from '../../bench/ports.ts';
import { unableFault } from '../unable-fault.ts';
import { consoleFault } from './faults.ts';
import type { ConsoleProfile, StepName } from './profile.ts';
import { type Values, createConsoleSession } from './session.ts';
import { createSlotKeeper } from './slots.ts';
import { fill, parseTemplate } from './template.ts';
import { bytesOf, giveCertificates, pemAs } from './values.ts';

export interface ConsoleDriverParts {
  readonly clock: Clock;
  /** What the unit must trust to reach an embedded service; empty for a public one. */
  readonly trustedRoots: readonly Uint8Array[];
}

/** As over the bench link: boards boot for up to ten seconds before they listen. */
const connectLimitMs = 20_000;
const connectEveryMs = 300;
/** A run asks for one request and one key; the rest is slack for one that is repeated. */
const maxRemembered = 8;
/** The unit's own answers: a repeat of the same request would only be refused again. */
const answers: ReadonlySet<string> = new Set([
  'console-refused',
  'console-unit-refused',
  'console-slots-full',
  'unit-unable',
]);
/** A booting unit sounds like this. */
const booting: ReadonlySet<string> = new Set([
  'console-silent',
  'console-refused',
  'console-unit-refused',
  'console-flood',
]);

const unable = (what: string): Result<never> => failed(unableFault('unit-unable', { what }));

export function createConsoleDriver(
  stream: ByteStream,
  profile: ConsoleProfile,
  parts: ConsoleDriverParts,
): UnitDriver {
  const work = new ConsoleWork(stream, profile, parts);
  const { steps, identity, slots } = profile;
  return Object.freeze({
    capabilities: {
      settings: steps.writeSettings !== undefined,
      certificates: steps.writeCertificates !== undefined,
      serialNumber: identity.serialNumber !== undefined,
      shows: {
        // Where the request itself makes the key, or goes to a free place, asking for one is a write.
        request: steps.generateKey !== undefined && slots === undefined,
        certificates: slots === undefined && keepsCertificates(profile),
      },
    },
    connect: (signal) => work.connect(signal),
    facts: () => work.facts(),
    proveTpm: async () => unable('be asked for a TPM'),
    generateKey: (requestId, algorithm) => work.generateKey(requestId, algorithm),
    createCsr: (requestId, commonName) => work.createCsr(requestId, commonName),
    writeCertificates: (_requestId, chain) => work.writeCertificates(chain),
    readCertificates: () => work.readCertificates(),
    writeSettings: (_requestId, settings) => work.writeSettings(settings),
    readSettings: () => work.readSettings(),
    ...(slots === undefined && steps.finish === undefined ? {} : { retire: () => work.retire() }),
    boot: () => work.step('boot'),
    wasAnswered: (fault) => answers.has(fault.code),
    close: () => work.close(),
  } satisfies UnitDriver);
}

/** They are read back as they are, and not only compared. */
function keepsCertificates({ steps }: ConsoleProfile): boolean {
  return (steps.readCertificates ?? []).some(({ keepBlock }) => keepBlock?.name === 'certificates');
}

class ConsoleWork {
  readonly #profile: ConsoleProfile;
  readonly #parts: ConsoleDriverParts;
  readonly #session: ReturnType<typeof createConsoleSession>;
  readonly #slots: ReturnType<typeof createSlotKeeper> | undefined;
  readonly #values: Values;
  /** A console knows no request ids: what this driver was answered, it is not asked again. */
  readonly #answered = new Map<string, Uint8Array>();
  #isPrepared = false;
  #written: readonly Uint8Array[] | undefined;

  constructor(stream: ByteStream, profile: ConsoleProfile, parts: ConsoleDriverParts) {
    this.#profile = profile;
    this.#parts = parts;
    this.#session = createConsoleSession(stream, profile, parts.clock);
    this.#values = new Map(Object.entries(profile.values ?? {}));
    this.#slots = profile.slots && createSlotKeeper(profile.slots, (order) => this.#session.run(order));
  }

  async connect(signal: CancelSignal): Promise<Result<void>> {
    const { clock } = this.#parts;
    const untilMs = clock.monotonicMs() + connectLimitMs;
    for (;;) {
      const connected = await this.step('connect', signal);
      if (connected.ok || !booting.has(connected.fault.code) || clock.monotonicMs() >= untilMs) return connected;
      await sleep(clock, connectEveryMs, signal);
      if (signal.aborted) return failed(consoleFault('console-cancelled'));
    }
  }

  /** The commands of one step, in order; a unit without the step cannot do it. */
  async step(name: StepName, signal?: CancelSignal): Promise<Result<void>> {
    const commands = this.#profile.steps[name];
    if (commands === undefined) return unable(name);
    for (const command of commands) {
      if (command.when !== undefined && (this.#values.get(command.when) ?? '') === '') continue;
      const done = await this.#session.run({ step: name, command, values: this.#values, signal });
      if (!done.ok) return done;
    }
    return ok();
  }

  async facts(): Promise<Result<UnitFacts>> {
    const identified = await this.step('identify');
    if (!identified.ok) return identified;
    const { identity, attestations } = this.#profile;
    const told = (source: string): string =>
      fill(parseTemplate(source) ?? [], this.#values)
        ?.trim()
        .slice(0, 128) ?? '';
    const [model, firmware] = [told(identity.model), told(identity.firmware)];
    const serialNumber = identity.serialNumber === undefined ? undefined : told(identity.serialNumber);
    const missing =
      model === ''
        ? 'its model'
        : firmware === ''
          ? 'its firmware'
          : serialNumber === ''
            ? 'its serial number'
            : undefined;
    if (missing !== undefined) return this.#unreadable(missing, 'identify');
    return ok({ model, firmware, attestations, ...(serialNumber === undefined ? {} : { serialNumber }) });
  }

  async generateKey(requestId: string, algorithm: 'p256' | 'rsa2048'): Promise<Result<void>> {
    const { keyAlgorithm, steps } = this.#profile;
    if (keyAlgorithm !== algorithm) return unable(`make a key of the kind ${algorithm}`);
    if (this.#answered.has(requestId)) return ok();
    const prepared = await this.#prepare();
    if (!prepared.ok) return prepared;
    const taken = (await this.#slots?.takeFree(this.#values)) ?? ok();
    if (!taken.ok) return taken;
    const made = steps.generateKey === undefined ? ok() : await this.step('generateKey');
    if (made.ok) this.#remember(requestId, new Uint8Array(0));
    return made;
  }

  async createCsr(requestId: string, commonName: string): Promise<Result<Uint8Array>> {
    const known = this.#answered.get(requestId);
    if (known !== undefined) return ok(known);
    this.#values.set('commonName', commonName);
    this.#values.delete('csr');
    const made = await this.step('createCsr');
    if (!made.ok) return made;
    const csr = bytesOf('csr', this.#values, this.#profile.steps.createCsr ?? []);
    if (csr === undefined) return this.#unreadable('a certificate request', 'createCsr');
    this.#remember(requestId, csr);
    return ok(csr);
  }

  async writeCertificates(chain: readonly Uint8Array[]): Promise<Result<void>> {
    const prepared = await this.#prepare();
    if (!prepared.ok) return prepared;
    giveCertificates(this.#values, { chain, roots: this.#parts.trustedRoots }, this.#profile.line.pem);
    this.#written = chain;
    return this.step('writeCertificates');
  }

  /** Read back, or compared by what the unit tells of it: then what was written is what it holds. */
  async readCertificates(): Promise<Result<readonly Uint8Array[]>> {
    const isRead = keepsCertificates(this.#profile);
    if (!isRead && this.#written === undefined) return this.#unwritten();
    this.#values.delete('certificates');
    const read = await this.step('readCertificates');
    if (!read.ok) return read;
    return ok(isRead ? certificatesFromPem(this.#values.get('certificates') ?? '') : (this.#written ?? []));
  }

  async writeSettings(settings: DeviceSettings): Promise<Result<void>> {
    const prepared = await this.#prepare();
    if (!prepared.ok) return prepared;
    for (const name of settingNames) this.#values.set(name, settings[name]);
    this.#values.set('rootsPem', pemAs(this.#profile.line.pem, this.#parts.trustedRoots));
    return this.step('writeSettings');
  }

  async readSettings(): Promise<Result<DeviceSettings | undefined>> {
    const read = await this.step('readSettings');
    if (!read.ok) return read;
    const [registrationId = '', idScope = '', endpoint = ''] = settingNames.map((name) => this.#values.get(name));
    return ok(registrationId === '' ? undefined : { registrationId, idScope, endpoint });
  }

  async retire(): Promise<Result<void>> {
    const retired = (await this.#slots?.retireOthers(this.#values)) ?? ok();
    return retired.ok && this.#profile.steps.finish !== undefined ? this.step('finish') : retired;
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** Before the first write: the state in which the unit takes one. */
  async #prepare(): Promise<Result<void>> {
    if (this.#isPrepared || this.#profile.steps.prepare === undefined) return ok();
    const prepared = await this.step('prepare');
    this.#isPrepared = prepared.ok;
    return prepared;
  }

  /** A unit that only compares cannot show a certificate that this driver has not written. */
  async #unwritten(): Promise<Result<readonly Uint8Array[]>> {
    const holds = (await this.#slots?.holdsAny(this.#values)) ?? ok(true);
    if (!holds.ok) return holds;
    return holds.value ? this.#unreadable('the certificate that it holds', 'readCertificates') : ok([]);
  }

  #unreadable(what: string, step: StepName): Result<never> {
    return failed(consoleFault('console-unreadable', { what, step }));
  }

  #remember(requestId: string, answer: Uint8Array): void {
    const [oldest] = this.#answered.keys();
    if (this.#answered.size >= maxRemembered && oldest !== undefined) this.#answered.delete(oldest);
    this.#answered.set(requestId, answer);
  }
}

const settingNames = ['registrationId', 'idScope', 'endpoint'] as const;
