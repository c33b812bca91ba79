/** The station's end of the bench link. */
import { toHex } from '../base/bytes.ts';
import type { CancelSignal } from '../base/cancel.ts';
import { sleep } from '../base/clock.ts';
import { createLane } from '../base/lane.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import type { CertificateChain, KeyAlgorithm } from '../x509/types.ts';
import { encodeMap, uintAt } from './cbor-map.ts';
import { createExchange, type Exchange, type Pace } from './exchange.ts';
import { linkFault } from './faults.ts';
import {
  defaultBufferBytes,
  defaultLimits,
  maxBufferBytes,
  maxChainLength,
  maxWaitingExchanges,
  minBufferBytes,
} from './limits.ts';
import {
  certificatesHash,
  decodeChain,
  decodeInfo,
  decodeSettings,
  decodeStatus,
  encodeChain,
  encodeLock,
  encodeRetire,
  encodeSettings,
  heldHashes,
  objects,
  osGroup,
  requestKinds,
  settingsHash,
  type RequestKind,
} from './messages.ts';
import { sha256, wireRequestId, wireRequestIdBytes } from './parcel.ts';
import { createRequester, type Requester } from './requests.ts';
import type { DeviceSettings, LinkClient, LinkLimits, LinkParts, VerifiedContent, WriteReceipt } from './types.ts';

export function createLinkClient(stream: ByteStream, parts: LinkParts): LinkClient {
  const limits = { ...defaultLimits, ...parts.limits };
  const exchange = createExchange(stream, parts, limits);
  const buffer = { bytes: defaultBufferBytes };
  const requester = createRequester({ ...parts, exchange, limits, bufferBytes: () => buffer.bytes });
  // [LINK-6.3] A device runs one request at a time; the second caller waits here, not on the line.
  const lane = createLane(maxWaitingExchanges);
  const perform = async (id: Uint8Array, kind: RequestKind, content: Uint8Array, signal?: CancelSignal) =>
    lane.run(() => requester.perform({ id, kind, content }, signal)) ?? failed(linkFault('link-busy'));
  const named = (requestId: string, kind: RequestKind, content: Uint8Array, signal?: CancelSignal) =>
    perform(wireRequestId(requestId), kind, content, signal);

  return Object.freeze({
    ...greetings(exchange, parts, limits, (bytes) => {
      buffer.bytes = bytes;
    }),
    ...readers(requester, () => buffer.bytes),
    tpm: {
      // A TPM command has no second life: each call is a request of its own [LINK-6.5].
      transmit: (command: Uint8Array, signal?: CancelSignal) =>
        perform(parts.random.bytes(wireRequestIdBytes), requestKinds.tpm, command, signal),
    },
    async generateKey(requestId: string, algorithm: KeyAlgorithm, signal?: CancelSignal) {
      const made = await named(requestId, requestKinds.generateKey, encodeMap({ alg: algorithm }), signal);
      return made.ok ? ok({ publicKey: made.value }) : made;
    },
    createCsr: (requestId: string, subjectCommonName: string, signal?: CancelSignal) =>
      named(requestId, requestKinds.createCsr, encodeMap({ cn: subjectCommonName }), signal),
    async writeCertificates(requestId: string, chain: CertificateChain, signal?: CancelSignal) {
      if (chain.length > maxChainLength)
        return failed(linkFault('link-too-long', { bytes: encodeChain(chain).length }));
      const written = await named(requestId, requestKinds.certificates, encodeChain(chain), signal);
      return receipt(written, certificatesHash(chain));
    },
    async writeSettings(requestId: string, settings: DeviceSettings, signal?: CancelSignal) {
      const written = await named(requestId, requestKinds.settings, encodeSettings(settings), signal);
      return receipt(written, settingsHash(settings));
    },
    async retire(requestId: string, chain: CertificateChain, signal?: CancelSignal) {
      const retired = await named(requestId, requestKinds.retire, encodeRetire(chain), signal);
      return receipt(retired, certificatesHash(chain));
    },
    async lock(requestId: string, { chain, settings }: VerifiedContent, signal?: CancelSignal) {
      const content = encodeLock(heldHashes(chain, settings));
      return receipt(await named(requestId, requestKinds.lock, content, signal), sha256(content));
    },
    async boot(requestId: string, signal?: CancelSignal) {
      const booted = await named(requestId, requestKinds.boot, new Uint8Array(0), signal);
      return booted.ok ? ok() : booted;
    },
    close: () => exchange.close(),
  });
}

/** [LINK-6.7] The device says what it holds; anything but what was written is a fault. */
function receipt(written: Result<Uint8Array>, expected: Uint8Array): Result<WriteReceipt> {
  if (!written.ok) return written;
  if (toHex(written.value) !== toHex(expected)) {
    return failed(
      linkFault('link-write-differs', { wrote: toHex(expected), holds: toHex(written.value.slice(0, 32)) }),
    );
  }
  return ok({ sha256: written.value });
}

function readers(
  requester: Requester,
  bufferBytes: () => number,
): Pick<LinkClient, 'deviceInfo' | 'status' | 'readCertificates' | 'readSettings'> {
  return {
    async deviceInfo(signal) {
      const fetched = await requester.fetch(objects.info, signal);
      if (!fetched.ok) return fetched;
      const info = decodeInfo(fetched.value, bufferBytes());
      return info === undefined ? failed(linkFault('link-unreadable', { object: 'info' })) : ok(info);
    },
    async status(signal) {
      const fetched = await requester.fetch(objects.status, signal);
      if (!fetched.ok) return fetched;
      const status = decodeStatus(fetched.value);
      return status === undefined ? failed(linkFault('link-unreadable', { object: 'status' })) : ok(status);
    },
    async readCertificates(signal) {
      const fetched = await requester.fetch(objects.certificates, signal);
      if (!fetched.ok) return fetched;
      const chain = decodeChain(fetched.value);
      if (chain === undefined) return failed(linkFault('link-unreadable', { object: 'certificates' }));
      return ok({ chain, sha256: sha256(fetched.value) });
    },
    async readSettings(signal) {
      const fetched = await requester.fetch(objects.settings, signal);
      if (!fetched.ok) return fetched;
      if (fetched.value.length === 0) return ok({});
      const settings = decodeSettings(fetched.value);
      if (settings === undefined) return failed(linkFault('link-unreadable', { object: 'settings' }));
      return ok({ settings, sha256: sha256(fetched.value) });
    },
  };
}

function greetings(
  exchange: Exchange,
  parts: LinkParts,
  limits: LinkLimits,
  setBuffer: (bytes: number) => void,
): Pick<LinkClient, 'connect' | 'ping'> {
  /** [LINK-4.4] The echoed text differs each time, so that an old answer cannot pass for a living device. */
  const echo = async (pace: Pace, signal?: CancelSignal): Promise<Result<void>> => {
    const text = toHex(parts.random.bytes(4));
    const question = { write: true, group: osGroup.id, command: osGroup.echo, members: { d: text } };
    const asked = await exchange.ask(question, signal, pace);
    if (!asked.ok) return asked;
    if (asked.value.at === 'refused') return failed(linkFault('link-unsupported', { command: 'echo' }));
    return asked.value.map.get('r') === text ? ok() : failed(linkFault('link-unreadable', { command: 'echo' }));
  };
  /** [LINK-4.1] */
  const readParameters = async (signal?: CancelSignal): Promise<Result<void>> => {
    const question = { write: false, group: osGroup.id, command: osGroup.parameters, members: {} };
    const asked = await exchange.ask(question, signal);
    if (!asked.ok) return asked;
    if (asked.value.at === 'refused') {
      setBuffer(defaultBufferBytes);
      return ok();
    }
    const declared = uintAt(asked.value.map, 'buf_size', 0xffff_ffff);
    if (declared === undefined) return failed(linkFault('link-unreadable', { command: 'parameters' }));
    if (declared < minBufferBytes) {
      return failed(linkFault('link-buffer-too-small', { bufferBytes: declared, leastBytes: minBufferBytes }));
    }
    setBuffer(Math.min(declared, maxBufferBytes));
    return ok();
  };

  return {
    ping: (signal) => echo(limits, signal),
    async connect(signal) {
      const startMs = parts.clock.monotonicMs();
      const pace = { attempts: 1, replyTimeoutMs: limits.echoEveryMs };
      for (;;) {
        const ended = await exchange.endLine();
        if (!ended.ok) return ended;
        const echoed = await echo(pace, signal);
        if (echoed.ok) return readParameters(signal);
        // Silence and damage are what a booting unit sounds like; all else will not mend by waiting.
        const booting = echoed.fault.code === 'link-silent' || echoed.fault.code === 'link-garbled';
        if (!booting || parts.clock.monotonicMs() - startMs >= limits.connectTimeoutMs) return echoed;
        await sleep(parts.clock, 0, signal);
      }
    },
  };
}
