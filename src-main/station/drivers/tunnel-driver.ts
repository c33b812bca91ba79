/** A unit whose firmware only forwards commands to its TPM (docs/tpm-tunnel.md): what it is, the TPM says. */
import { fromUtf8, uint32 } from '../../lib/base/bytes.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import { pt } from '../../lib/tpm/constants.ts';
import { createTpm } from '../../lib/tpm/tpm.ts';
import { type TunnelClient, createTunnelClient } from '../../lib/tpm/tunnel-client.ts';
import type { UnitDriver, UnitFacts } from '../bench/ports.ts';
import { begunAnew, flushLeftovers, proveTpm } from './tpm-proof.ts';
import { unableFault } from './unable-fault.ts';
import { type LineParts, createUnitLine } from './unit-line.ts';

export interface TunnelDriverParts extends LineParts {
  readonly random: Random;
}

const lost = { ended: 'tunnel-lost', unheard: ['tunnel-silent', 'tunnel-garbled'] } as const;
const unable = async (what: string): Promise<Result<never>> => failed(unableFault('unit-unable', { what }));

export function createTunnelDriver(stream: ByteStream, parts: TunnelDriverParts): UnitDriver {
  const line = createUnitLine(stream, (opened) => createTunnelClient(opened, parts), { parts, lost });
  return Object.freeze({
    capabilities: { settings: false, certificates: false, serialNumber: false },
    connect: (signal) => line.connect(signal),
    facts: () => line.use((tunnel) => readFacts(tunnel, parts)),
    // [TUN-5.3] An earlier run may have been broken off: what it left loaded in the TPM goes first.
    proveTpm: (signal) =>
      begunAnew(
        () =>
          line.use(async (tunnel) => {
            const flushed = await flushLeftovers(tunnel, parts.clock);
            return flushed.ok ? proveTpm(tunnel, { ...parts, signal }) : flushed;
          }),
        (code) => code === 'tunnel-answer-lost' && !signal.aborted,
      ),
    generateKey: () => unable('make a key'),
    createCsr: () => unable('make a certificate request'),
    writeCertificates: () => unable('keep certificates'),
    readCertificates: () => unable('keep certificates'),
    writeSettings: () => unable('keep settings'),
    readSettings: () => unable('keep settings'),
    boot: () => unable('be started over this line'),
    wasAnswered: (fault) => fault.code === 'unit-unable',
    close: () => line.close(),
  } satisfies UnitDriver);
}

async function readFacts(tunnel: TunnelClient, parts: TunnelDriverParts): Promise<Result<UnitFacts>> {
  const tpm = createTpm(tunnel, parts.clock);
  const wanted = [pt.manufacturer, ...[0, 1, 2, 3].map((at) => pt.vendorString1 + at)];
  const texts: string[] = [];
  for (const property of wanted) {
    const value = await tpm.property(property);
    if (!value.ok) return value;
    texts.push(textOf(value.value));
  }
  const [first, second] = [await tpm.property(pt.firmwareVersion1), await tpm.property(pt.firmwareVersion2)];
  if (!first.ok) return first;
  if (!second.ok) return second;
  const [manufacturer = '', ...vendor] = texts;
  const words = [first.value, second.value].flatMap((word) => [word >>> 16, word & 0xffff]);
  const model = `TPM ${manufacturer.trim()} ${vendor.join('').trim()}`.trim();
  return ok({ model, firmware: words.join('.'), attestations: ['tpm'] });
}

/** Four characters in a TPM_PT value (Part 2, clause 6.13), padded with zeros or spaces. */
function textOf(value: number): string {
  const text = fromUtf8(uint32(value)) ?? '';
  return text.replace(/[^\x20-\x7e]/g, '');
}
