/** The kinds of unit that the byte-cut proof cuts: one driver and one attestation each. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { readState, type TpmState } from '../../src-main/agent/tpm/software/state.ts';
import { createSmpDriver } from '../../src-main/station/drivers/smp-driver.ts';
import { openStationSigners } from '../../src-main/station/signers/station-signers.ts';
import { prepareTpmState } from '../flows/support/lab-unit.ts';
import type { CutKind, CutSigner } from './cut-case.ts';
import { createCutUnit } from './cut-unit.ts';

export interface CutLab {
  readonly kinds: readonly CutKind[];
  readonly signer: CutSigner;
}

/** Known before the lab is open: a suite names its tests first. */
export const cutKindNames = ['bench-link tpm', 'bench-link x509', 'bench-link x509 blank'] as const;

const workerEntry = new URL('../../src-main/station/signers/pkcs12-worker-main.ts', import.meta.url);

/** Makes the keys of two TPMs and of the signer: once, since RSA keys take seconds. */
export async function openCutLab(): Promise<CutLab> {
  const folder = await mkdtemp(join(tmpdir(), 'benchline-bytecut-'));
  try {
    const [own, other] = await Promise.all(['own', 'other'].map((name) => tpmState(join(folder, `${name}.json`))));
    const parts = { clock: systemClock, random: systemRandom, log: silentLog, workerEntry };
    const signers = must(await openStationSigners(join(folder, 'signers'), parts));
    const batch = signers.forBatch(undefined);
    const device = signers.deviceSigner({ keyAlgorithm: 'p256' } as never);
    if (batch === undefined || device === undefined || own === undefined || other === undefined) {
      throw new Error('the lab has no signer');
    }
    return { kinds: kindsOf({ own, other }), signer: { batch, device: () => device } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function tpmState(file: string): Promise<TpmState> {
  const state = must(await readState(await prepareTpmState(file, systemClock)));
  if (state === undefined) throw new Error('the TPM kept nothing');
  return state;
}

function kindsOf(tpms: { readonly own: TpmState; readonly other: TpmState }): readonly CutKind[] {
  const driverOver: CutKind['driverOver'] = (stream, { world, life }) =>
    createSmpDriver(stream, {
      ...{ clock: world.clockOf(life), random: world.randomOf(life), log: silentLog },
      trustedRoots: [],
    });
  return [
    {
      ...{ name: 'bench-link tpm', attestation: 'tpm', driverOver },
      unit: (world, serialNumber, isOther) =>
        createCutUnit({ serialNumber, attestation: 'tpm', tpm: isOther ? tpms.other : tpms.own }, world),
    },
    {
      ...{ name: 'bench-link x509', attestation: 'x509', driverOver },
      unit: (world, serialNumber) => createCutUnit({ serialNumber, attestation: 'x509' }, world),
    },
    {
      ...{ name: 'bench-link x509 blank', attestation: 'x509', driverOver },
      unit: (world, serialNumber) => createCutUnit({ serialNumber, attestation: 'x509', isBlank: true }, world),
    },
  ];
}
