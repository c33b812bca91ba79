/** The bench link alone: the commands of one run, from the same process, with no station, store or port host between. */
import { randomUUID } from 'node:crypto';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createLinkClient, type LinkClient } from '../../src-main/lib/link/index.ts';
import { openSerialPort } from '../../src-main/lib/serial/index.ts';
import { provePossession, readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import type { RegistrationId } from '../../src-main/station/batches/model.ts';
import type { DeviceSigner } from '../../src-main/station/bench/ports.ts';
import type { UnitKind } from './bench-agent.ts';
import { nowMs } from './runner.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };

export interface BareExchange {
  readonly port: string;
  readonly kind: UnitKind;
  readonly serialNumber: string;
  readonly trustedRoots: readonly Uint8Array[];
  readonly signer: DeviceSigner;
}

/** Milliseconds from opening the port to the last read-back; the signer's work is taken out. */
export async function bareExchangeMs(exchange: BareExchange): Promise<number> {
  const startMs = nowMs();
  const stream = must(await openSerialPort({ path: exchange.port }, parts));
  const link = createLinkClient(stream, parts);
  try {
    must(await link.connect());
    must(await link.deviceInfo());
    let signingMs = 0;
    if (exchange.kind === 'x509') signingMs = await certify(link, exchange);
    else await prove(link);
    const settings = { registrationId: exchange.serialNumber.toLowerCase(), idScope: '0ne00000000' };
    const { trustedRoots } = exchange;
    must(await link.writeSettings(randomUUID(), { ...settings, endpoint: '127.100.0.1:443', trustedRoots }));
    must(await link.readSettings());
    if (exchange.kind === 'x509') must(await link.readCertificates());
    return nowMs() - startMs - signingMs;
  } finally {
    await link.close();
  }
}

async function prove(link: LinkClient): Promise<void> {
  const tpm = createTpm(link.tpm, systemClock);
  const identity = must(await readTpmIdentity(tpm));
  must(await provePossession(tpm, identity, systemRandom));
}

async function certify(link: LinkClient, { signer, serialNumber }: BareExchange): Promise<number> {
  const name = serialNumber.toLowerCase() as RegistrationId;
  const requestId = randomUUID();
  must(await link.generateKey(requestId, 'p256'));
  const csr = must(await link.createCsr(`${requestId}-csr`, name));
  const startMs = nowMs();
  const chain = [must(await signer.issue(csr, name)), ...signer.chain];
  const signingMs = nowMs() - startMs;
  must(await link.writeCertificates(randomUUID(), chain));
  return signingMs;
}
