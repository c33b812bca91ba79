/** The kinds of devices the station has a driver for, and which driver speaks to one. */
import { faultMaker } from '../../lib/base/fault.ts';
import { type Result, failed, must, ok } from '../../lib/base/result.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import type { ProfileView } from '../../contract/views.ts';
import type { BatchTerms } from '../batches/model.ts';
import type { UnitDriver } from '../bench/ports.ts';
import mxchip from '../../../resources/devices/mxchip-az3166.json' with { type: 'json' };
import nordic from '../../../resources/devices/nordic-nrf91.json' with { type: 'json' };
import { createConsoleDriver } from './console/console-driver.ts';
import { type ConsoleProfile, checkProfile } from './console/profile.ts';
import { type SmpDriverParts, createSmpDriver } from './smp-driver.ts';
import { createTunnelDriver } from './tunnel-driver.ts';

const profileFault = faultMaker({
  'profile-unknown': {
    say: 'This station has no device profile {profileId}.',
    hint: 'Choose one of its profiles, or let a supervisor add it as docs/drivers.md says.',
  },
  'profile-unfit': {
    say: 'Units of the device profile {profileId} cannot prove themselves as the batch asks ({wanted}).',
    hint: 'Choose another attestation, or another device profile.',
  },
});

export type DriverParts = SmpDriverParts;

interface DeviceProfile {
  readonly view: ProfileView;
  /** The speed of its line, where that is always the same. */
  readonly baudRate?: number;
  open(stream: ByteStream, parts: DriverParts): UnitDriver;
}

export interface DeviceProfiles {
  list(): readonly ProfileView[];
  /** Whether units of this kind can be what a batch wants of them. */
  check(terms: Pick<BatchTerms, 'deviceProfile' | 'attestation'>): Result<void>;
  /** The speed that the profile knows; undefined where the slot's own counts. */
  baudRateOf(profileId: string | undefined): number | undefined;
  /** Without a profile: the bench link. The driver closes the stream; after a fault it is still the caller's. */
  openDriver(profileId: string | undefined, stream: ByteStream, parts: DriverParts): Result<UnitDriver>;
}

const benchLink: DeviceProfile = {
  view: { profileId: 'bench-link', name: 'Bench link (SMP)', driver: 'bench-link', attestations: ['tpm', 'x509'] },
  open: createSmpDriver,
};

const tpmTunnel: DeviceProfile = {
  view: { profileId: 'tpm-tunnel', name: 'TPM behind a tunnel', driver: 'tpm-tunnel', attestations: ['tpm'] },
  open: createTunnelDriver,
};

function consoleProfile(profile: ConsoleProfile): DeviceProfile {
  const { profileId, name, attestations, line } = profile;
  return {
    ...(line.baudRate === undefined ? {} : { baudRate: line.baudRate }),
    view: { profileId, name, driver: 'console', attestations },
    open: (stream, parts) => createConsoleDriver(stream, profile, parts),
  };
}

/** @param own profiles of this station, beside the ones that come with the product; one of the same id replaces ours. */
export function createDeviceProfiles(own: readonly ConsoleProfile[] = []): DeviceProfiles {
  const shipped = [nordic, mxchip].map((data) => must(checkProfile(data)));
  const all = [benchLink, tpmTunnel, ...[...shipped, ...own].map(consoleProfile)];
  const profiles = new Map(all.map((profile) => [profile.view.profileId, profile]));
  return Object.freeze({
    list: () => [...profiles.values()].map(({ view }) => view),
    check: ({ deviceProfile, attestation }) => {
      const view = profiles.get(deviceProfile)?.view;
      if (view === undefined) return failed(profileFault('profile-unknown', { profileId: deviceProfile }));
      const fits = attestation === 'mixed' ? view.attestations.length > 0 : view.attestations.includes(attestation);
      return fits ? ok() : failed(profileFault('profile-unfit', { profileId: deviceProfile, wanted: attestation }));
    },
    baudRateOf: (profileId) => (profileId === undefined ? undefined : profiles.get(profileId)?.baudRate),
    openDriver: (profileId, stream, parts) => {
      const profile = profileId === undefined ? benchLink : profiles.get(profileId);
      if (profile === undefined) return failed(profileFault('profile-unknown', { profileId: profileId ?? '' }));
      return ok(profile.open(stream, parts));
    },
  } satisfies DeviceProfiles);
}
