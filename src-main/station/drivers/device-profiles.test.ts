import { describe, expect, it } from 'vitest';
import { ok } from '../../lib/base/result.ts';
import { ProfileView } from '../../contract/views.ts';
import { createDeviceProfiles } from './device-profiles.ts';

const profiles = createDeviceProfiles();

describe('device profiles', () => {
  it('are listed as the contract shows them, each under a name of its own', () => {
    const listed = profiles.list();
    expect(listed.map((view) => ProfileView.parse(view))).toEqual(listed);
    expect(new Set(listed.map(({ profileId }) => profileId)).size).toBe(listed.length);
    expect(listed[0]).toMatchObject({ profileId: 'bench-link', driver: 'bench-link' });
  });

  it('are checked before a batch opens: a kind that is not there, or cannot prove itself so, is refused', () => {
    expect(profiles.check({ deviceProfile: 'bench-link', attestation: 'mixed' })).toEqual(ok());
    const unknown = profiles.check({ deviceProfile: 'toaster', attestation: 'tpm' });
    expect(unknown).toMatchObject({ ok: false, fault: { code: 'profile-unknown' } });
    const unfit = profiles.check({ deviceProfile: 'tpm-tunnel', attestation: 'x509' });
    expect(unfit).toMatchObject({ ok: false, fault: { code: 'profile-unfit' } });
  });
});
