/** A unit that speaks the bench link (docs/bench-link.md): SMP over its console framing. */
import type { ByteStream } from '../../lib/base/stream.ts';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { createLinkClient } from '../../lib/link/client.ts';
import type { LinkClient } from '../../lib/link/types.ts';
import { provePossession, readTpmIdentity } from '../../lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../lib/tpm/registration-id.ts';
import { createTpm } from '../../lib/tpm/tpm.ts';
import type { DeviceSettings, TpmIdentity, UnitDriver, UnitFacts } from '../bench/ports.ts';

/** Faults of lib/link that are the unit's own answer to a request. */
const answers: ReadonlySet<string> = new Set([
  'device-refused',
  'link-refused',
  'link-unsupported',
  'link-write-differs',
  'link-id-reused',
]);

export interface SmpDriverParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What the unit must trust to reach an embedded service; empty for a public one. */
  readonly trustedRoots: readonly Uint8Array[];
}

export function createSmpDriver(stream: ByteStream, parts: SmpDriverParts): UnitDriver {
  const link = createLinkClient(stream, parts);
  return Object.freeze({
    capabilities: { settings: true, certificates: true, serialNumber: true },
    connect: (signal) => link.connect(signal),
    facts: () => readFacts(link),
    proveTpm: (signal) => proveTpm(link, parts, signal),
    generateKey: async (requestId, algorithm) => done(await link.generateKey(requestId, algorithm)),
    createCsr: (requestId, commonName) => link.createCsr(requestId, commonName),
    writeCertificates: async (requestId, chain) => done(await link.writeCertificates(requestId, chain)),
    readCertificates: async () => {
      const read = await link.readCertificates();
      return read.ok ? ok(read.value.chain) : read;
    },
    writeSettings: async (requestId, settings) =>
      done(await link.writeSettings(requestId, { ...settings, trustedRoots: parts.trustedRoots })),
    readSettings: () => readSettings(link),
    boot: (requestId) => link.boot(requestId),
    wasAnswered: (fault) => answers.has(fault.code),
    close: () => link.close(),
  } satisfies UnitDriver);
}

function done(result: Result<unknown>): Result<void> {
  return result.ok ? ok() : result;
}

async function readFacts(link: LinkClient): Promise<Result<UnitFacts>> {
  const info = await link.deviceInfo();
  if (!info.ok) return info;
  const { model, firmware, serialNumber, attestations } = info.value;
  return ok({ model, firmware, attestations, ...(serialNumber === undefined ? {} : { serialNumber }) });
}

async function readSettings(link: LinkClient): Promise<Result<DeviceSettings | undefined>> {
  const read = await link.readSettings();
  if (!read.ok) return read;
  const { settings } = read.value;
  if (settings === undefined) return ok(undefined);
  const { registrationId, idScope, endpoint } = settings;
  return ok({ registrationId, idScope, endpoint });
}

async function proveTpm(link: LinkClient, parts: SmpDriverParts, signal: CancelSignal): Promise<Result<TpmIdentity>> {
  const tpm = createTpm(link.tpm, parts.clock, signal);
  const read = await readTpmIdentity(tpm);
  if (!read.ok) return read;
  const { ek, srk, ekCertificate } = read.value;
  const proven = await provePossession(tpm, read.value, parts.random);
  if (!proven.ok) return proven;
  return ok({
    endorsementKey: ek,
    storageRootKey: srk,
    registrationId: registrationIdFromEk(ek),
    ...(ekCertificate === undefined ? {} : { ekCertificate }),
  });
}
