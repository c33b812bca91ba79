/** A unit that speaks the bench link (docs/bench-link.md): SMP over its console framing. */
import { concatBytes, equalBytes } from '../../lib/base/bytes.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { createLinkClient } from '../../lib/link/client.ts';
import type { LinkClient } from '../../lib/link/types.ts';
import type { DeviceSettings, TpmIdentity, UnitDriver, UnitFacts } from '../bench/ports.ts';
import { begunAnew, flushLeftovers, proveTpm } from './tpm-proof.ts';
import { type LineParts, createUnitLine } from './unit-line.ts';

/** Faults of lib/link that are the unit's own answer to a request. */
const answers: ReadonlySet<string> = new Set([
  'device-refused',
  'link-refused',
  'link-unsupported',
  'link-write-differs',
  'link-id-reused',
]);

export interface SmpDriverParts extends LineParts {
  readonly random: Random;
  /** What the unit must trust to reach an embedded service; empty for a public one. */
  readonly trustedRoots: readonly Uint8Array[];
}

/** A unit that resets is silent at first, and a cut frame is damage. */
const lost = { ended: 'link-lost', unheard: ['link-silent', 'link-garbled'] } as const;

export function createSmpDriver(stream: ByteStream, parts: SmpDriverParts): UnitDriver {
  const line = createUnitLine(stream, (opened) => createLinkClient(opened, parts), { parts, lost });
  return Object.freeze({
    capabilities: { settings: true, certificates: true, serialNumber: true },
    connect: (signal) => line.connect(signal),
    facts: () => line.use(readFacts),
    // [LINK-6.5] A TPM command that may have run is never run again: the whole step begins anew, with new commands.
    proveTpm: (signal) =>
      begunAnew(
        (beginning) => line.use((link) => proveOver(link, { ...parts, signal }, beginning > 1)),
        (code) => code === 'link-interrupted' && !signal.aborted,
      ),
    generateKey: async (requestId, algorithm) => done(await line.use((link) => link.generateKey(requestId, algorithm))),
    createCsr: (requestId, commonName) => line.use((link) => link.createCsr(requestId, commonName)),
    writeCertificates: async (requestId, chain) =>
      done(await line.use((link) => link.writeCertificates(requestId, chain))),
    readCertificates: async () => {
      const read = await line.use((link) => link.readCertificates());
      return read.ok ? ok(read.value.chain) : read;
    },
    writeSettings: async (requestId, settings) => {
      const { trustedRoots } = parts;
      return done(await line.use((link) => link.writeSettings(requestId, { ...settings, trustedRoots })));
    },
    readSettings: () => line.use((link) => readSettings(link, parts.trustedRoots)),
    retire: async (requestId, chain) => done(await line.use((link) => link.retire(requestId, chain))),
    lock: async (requestId, { chain, settings }) => {
      const { trustedRoots } = parts;
      const verified = { chain, settings: settings && { ...settings, trustedRoots } };
      return done(await line.use((link) => link.lock(requestId, verified)));
    },
    boot: (requestId) => line.use((link) => link.boot(requestId)),
    wasAnswered: (fault) => answers.has(fault.code),
    close: () => line.close(),
  } satisfies UnitDriver);
}

async function proveOver(
  link: LinkClient,
  parts: SmpDriverParts & { readonly signal: CancelSignal },
  isAgain: boolean,
): Promise<Result<TpmIdentity>> {
  if (isAgain) {
    const flushed = await flushLeftovers(link.tpm, parts.clock);
    if (!flushed.ok) return flushed;
  }
  return proveTpm(link.tpm, parts);
}

function done(result: Result<unknown>): Result<void> {
  return result.ok ? ok() : result;
}

async function readFacts(link: LinkClient): Promise<Result<UnitFacts>> {
  const info = await link.deviceInfo();
  if (!info.ok) return info;
  const { model, firmware, serialNumber, attestations, finishing, isLocked, holdsCredential } = info.value;
  const canLock = isLocked || finishing.includes('lock');
  return ok({
    ...{ model, firmware, attestations },
    // [LINK-7.1] Firmware without the request retires the old one with the write.
    hasOld: holdsCredential && finishing.includes('retire'),
    ...(canLock ? { lock: isLocked ? 'locked' : 'open' } : {}),
    ...(serialNumber === undefined ? {} : { serialNumber }),
  });
}

async function readSettings(
  link: LinkClient,
  trustedRoots: readonly Uint8Array[],
): Promise<Result<DeviceSettings | undefined>> {
  const read = await link.readSettings();
  if (!read.ok) return read;
  const { settings } = read.value;
  if (settings === undefined) return ok(undefined);
  const { registrationId, idScope, endpoint } = settings;
  const isSame = equalBytes(concatBytes(...(settings.trustedRoots ?? [])), concatBytes(...trustedRoots));
  return ok({ registrationId, idScope, endpoint, ...(isSame ? {} : { trustsOther: true }) });
}
