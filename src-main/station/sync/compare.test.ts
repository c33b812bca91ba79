import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../lib/base/host.ts';
import { must } from '../../lib/base/result.ts';
import { createAuthority } from '../../lib/x509/authority.ts';
import { enrollmentGroup, individualEnrollment } from '../batches/enrollment.ts';
import { differenceOf } from './compare.ts';

const tpm = individualEnrollment(
  { registrationId: 'r', deviceId: 'd' },
  { type: 'tpm', tpm: { endorsementKey: 'ATo=', storageRootKey: 'ATs=' } },
  { initialTwin: '{"tags":{"a":1},"properties":{"desired":{"x":{"y":[1,2]}}}}' },
);
const held = {
  deviceId: 'd',
  attestation: { type: 'tpm', tpm: { endorsementKey: 'ATo=' } },
  initialTwin: { properties: { desired: { x: { y: [1, 2] }, $version: 1 } }, tags: { a: 1, $metadata: {} } },
};

describe('what a service holds', () => {
  it('is ours whatever it adds, leaves at its default, or orders otherwise', () => {
    expect(differenceOf(tpm, held)).toBeUndefined();
    expect(differenceOf(tpm, { ...held, provisioningStatus: 'enabled' })).toBeUndefined();
    expect(differenceOf({ ...tpm, deviceId: 'r' }, { ...held, deviceId: null })).toBeUndefined();
  });

  it.each([
    ['deviceId', { deviceId: 'other' }],
    ['deviceId', { deviceId: null }],
    ['attestation type', { attestation: { type: 'x509' } }],
    ['endorsementKey', { attestation: { type: 'tpm', tpm: { endorsementKey: 'AAAA' } } }],
    ['endorsementKey', { attestation: { type: 'tpm', tpm: null } }],
    ['provisioningStatus', { provisioningStatus: 'disabled' }],
    ['initialTwin', { initialTwin: { tags: { a: 2 } } }],
    ['initialTwin', { initialTwin: null }],
  ])('is another by its %s', (member, change) => {
    expect(differenceOf(tpm, { ...held, ...change })).toBe(member);
  });

  it('takes no twin and an empty one for the same', () => {
    const { initialTwin, ...plain } = tpm;
    expect(initialTwin).toBeDefined();
    expect(differenceOf(plain, { ...held, initialTwin: { tags: {}, properties: { desired: {} } } })).toBeUndefined();
  });

  it('is compared by certificate, shown whole or by its thumbprint', async () => {
    const parts = { clock: systemClock, random: systemRandom };
    const made = async (commonName: string) =>
      must(await createAuthority({ commonName, algorithm: 'p256', validityDays: 1, pathLength: 0 }, parts));
    const [ours, other] = [await made('ours'), await made('other')];
    const pemOf = (der: Uint8Array): string =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
    const thumbprint = async (der: Uint8Array): Promise<string> =>
      Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(der)))
        .toString('hex')
        .toUpperCase();
    const group = enrollmentGroup('g', pemOf(ours.certificate), {});
    const holding = (primary: object) => ({
      attestation: { type: 'x509', x509: { signingCertificates: { primary } } },
    });
    const whole = Buffer.from(ours.certificate).toString('base64');
    expect(differenceOf(group, holding({ certificate: pemOf(ours.certificate) }))).toBeUndefined();
    expect(differenceOf(group, holding({ certificate: whole }))).toBeUndefined();
    const info = { sha256Thumbprint: await thumbprint(ours.certificate) };
    expect(differenceOf(group, holding({ info }))).toBeUndefined();
    expect(differenceOf(group, holding({ certificate: null, info }))).toBeUndefined();
    const others = { sha256Thumbprint: await thumbprint(other.certificate) };
    expect(differenceOf(group, holding({ info: others }))).toBe('certificate');
    expect(differenceOf(group, holding({ certificate: pemOf(other.certificate), info }))).toBe('certificate');
    expect(differenceOf(group, holding({}))).toBe('certificate');
    expect(differenceOf(group, holding({ certificate: 'nonsense' }))).toBe('certificate');
  });
});
