/** The kinds of unit that the byte-cut proof cuts: one driver and one attestation each. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createConsoleDriver } from '../../src-main/station/drivers/console/console-driver.ts';
import { checkProfile } from '../../src-main/station/drivers/console/profile.ts';
import { createSmpDriver } from '../../src-main/station/drivers/smp-driver.ts';
import { createTunnelDriver } from '../../src-main/station/drivers/tunnel-driver.ts';
import { openStationSigners } from '../../src-main/station/signers/station-signers.ts';
import nordic from '../../resources/devices/nordic-nrf91.json' with { type: 'json' };
import type { CutKind, CutSigner } from './cut-case.ts';
import { createCutBoard, createCutModem } from './cut-console-units.ts';
import { type CutTpm, prepareCutTpm } from './cut-tpm.ts';
import { createCutTunnelUnit } from './cut-tunnel-unit.ts';
import { createCutUnit } from './cut-unit.ts';
import type { CutWorld } from './cut-world.ts';

export interface CutLab {
  readonly kinds: readonly CutKind[];
  readonly signer: CutSigner;
}

/** Known before the lab is open: a suite names its tests first. */
export const cutKindNames = [
  ...['bench-link tpm', 'bench-link x509', 'bench-link x509 blank'],
  ...['tpm-tunnel tpm', 'nordic-nrf91 x509', 'example-board x509'],
] as const;

const workerEntry = new URL('../../src-main/station/signers/pkcs12-worker-main.ts', import.meta.url);

/** Makes the keys of two TPMs and of the signer: once, since RSA keys take seconds. */
export async function openCutLab(): Promise<CutLab> {
  const folder = await mkdtemp(join(tmpdir(), 'benchline-bytecut-'));
  try {
    const tpms = await Promise.all([
      prepareCutTpm(join(folder, 'own.json')),
      prepareCutTpm(join(folder, 'other.json')),
    ]);
    const parts = { clock: systemClock, random: systemRandom, log: silentLog, workerEntry };
    const signers = must(await openStationSigners(join(folder, 'signers'), parts));
    const batch = signers.forBatch(undefined);
    const device = signers.deviceSigner({ keyAlgorithm: 'p256' } as never);
    if (batch === undefined || device === undefined) {
      throw new Error('the lab has no signer');
    }
    const kinds = [...benchLinkKinds(tpms), tunnelKind(tpms), ...consoleKinds()];
    return { kinds, signer: { batch, device: () => device } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Tpms = readonly [CutTpm, CutTpm];
const labels = { serialNumbers: ['SN0001', 'SN0002'], serialPattern: 'SN[0-9]{4}' } as const;
const imeis = { serialNumbers: ['352656109480783', '352656109480791'], serialPattern: '[0-9]{15}' } as const;

function benchLinkKinds(tpms: Tpms): readonly CutKind[] {
  const driverOver: CutKind['driverOver'] = (stream, { world, life }) =>
    createSmpDriver(stream, {
      ...{ clock: world.clockOf(life), random: world.randomOf(life), log: silentLog },
      trustedRoots: [],
    });
  const common = { ...labels, driverOver, takesSettings: true, isMadeOnce: true };
  const x509 = (isBlank: boolean) => (world: CutWorld, at: 0 | 1) =>
    createCutUnit({ serialNumber: labels.serialNumbers[at], attestation: 'x509', isBlank }, world);
  return [
    {
      ...{ ...common, name: 'bench-link tpm', attestation: 'tpm' },
      unit: (world, at) =>
        createCutUnit({ serialNumber: labels.serialNumbers[at], attestation: 'tpm', tpm: tpms[at] }, world),
    },
    { ...common, name: 'bench-link x509', attestation: 'x509', unit: x509(false) },
    { ...common, name: 'bench-link x509 blank', attestation: 'x509', unit: x509(true) },
  ];
}

function tunnelKind(tpms: Tpms): CutKind {
  return {
    ...{ ...labels, name: 'tpm-tunnel tpm', attestation: 'tpm', takesSettings: false, isMadeOnce: true },
    driverOver: (stream, { world, life }) =>
      createTunnelDriver(stream, { clock: world.clockOf(life), random: world.randomOf(life), log: silentLog }),
    unit: (world, at) => createCutTunnelUnit(labels.serialNumbers[at], tpms[at], world),
  };
}

function consoleKinds(): readonly CutKind[] {
  const common = (data: unknown) => {
    const profile = must(checkProfile(data));
    const driverOver: CutKind['driverOver'] = (stream, { world, life }) =>
      createConsoleDriver(stream, profile, { clock: world.clockOf(life), trustedRoots: [] });
    return { driverOver, attestation: 'x509', takesSettings: false, isMadeOnce: false } as const;
  };
  return [
    {
      ...{ ...imeis, ...common(nordic), name: 'nordic-nrf91 x509' },
      unit: (world, at) => createCutModem(imeis.serialNumbers[at], world),
    },
    {
      ...{ ...labels, ...common(exampleProfile()), name: 'example-board x509' },
      unit: (world, at) => createCutBoard(labels.serialNumbers[at], world),
    },
  ];
}

/** What docs/drivers.md shows: a recipe of one's own. */
function exampleProfile(): unknown {
  const text = readFileSync(new URL('../../docs/drivers.md', import.meta.url), 'utf8');
  return JSON.parse(/```json\n([\s\S]*?)```/.exec(text)?.[1] ?? '{}');
}
