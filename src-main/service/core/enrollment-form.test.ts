/** Properties of the enrollment form: whatever is accepted is given back as it was meant, and nothing is thrown. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { enrollmentGroup, individualEnrollment } from '../../lib/dps/wire.ts';
import { enrollmentFromWire, enrollmentToWire } from './enrollment-form.ts';

const stamp = { nowMs: 1_800_000_000_000, etag: 'e1', freshKey: () => Buffer.alloc(64, 7).toString('base64') };
const id = fc.stringMatching(/^[A-Za-z0-9._:-]{0,40}[A-Za-z0-9-]$/);
const key = fc.uint8Array({ minLength: 16, maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('base64'));
const tpmKey = fc.uint8Array({ minLength: 2, maxLength: 400 }).map((body) => {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(body.length);
  return Buffer.concat([size, body]).toString('base64');
});
const attestation = fc.oneof(
  fc.record({
    type: fc.constant('symmetricKey' as const),
    symmetricKey: fc.record({ primaryKey: key, secondaryKey: key }),
  }),
  fc.record({ type: fc.constant('tpm' as const), tpm: fc.record({ endorsementKey: tpmKey }) }),
  fc.record({
    type: fc.constant('x509' as const),
    x509: fc.record({ caReferences: fc.record({ primary: id, secondary: id }, { requiredKeys: ['primary'] }) }),
  }),
);
const members = fc.record(
  {
    provisioningStatus: fc.constantFrom('enabled' as const, 'disabled' as const),
    allocationPolicy: fc.constantFrom('hashed' as const, 'static' as const),
    iotHubs: fc.array(fc.stringMatching(/^[a-z0-9.-]{1,20}$/), { minLength: 1, maxLength: 3 }),
    reprovisionPolicy: fc.record({ updateHubAssignment: fc.boolean(), migrateDeviceData: fc.boolean() }),
    capabilities: fc.record({ iotEdge: fc.boolean() }),
    initialTwin: fc.record({ tags: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.integer()) }),
  },
  { requiredKeys: [] },
);

describe('an individual enrollment', () => {
  it('is given back as it came, with its keys where they are shown', () => {
    fc.assert(
      fc.property(id, attestation, members, (registrationId, proof, more) => {
        const wire = individualEnrollment.parse({ registrationId, attestation: proof, ...more });
        const formed = enrollmentFromWire('individual', wire, stamp);
        if (!formed.ok) throw new Error(formed.fault.say);
        const shown = enrollmentToWire(formed.value.enrollment, 'shown');
        expect(shown).toMatchObject({ registrationId, attestation: proof, ...more });
        // And so again, from what was given back.
        const again = enrollmentFromWire('individual', individualEnrollment.parse(shown), stamp);
        expect(again).toEqual(formed);
      }),
      { numRuns: 200 },
    );
  });

  it('hides every key but where it is shown, and keeps what is not given', () => {
    fc.assert(
      fc.property(id, fc.option(key, { nil: undefined }), fc.option(key, { nil: undefined }), (name, first, second) => {
        const symmetricKey = { primaryKey: first, secondaryKey: second };
        const body = { enrollmentGroupId: name, attestation: { type: 'symmetricKey', symmetricKey } };
        const formed = enrollmentFromWire('group', enrollmentGroup.parse(body), stamp);
        if (!formed.ok) throw new Error(formed.fault.say);
        const { enrollment, keeps } = formed.value;
        expect(keeps.includes('primaryKey')).toBe(first === undefined);
        expect(keeps.includes('secondaryKey')).toBe(second === undefined);
        const hidden = JSON.stringify(enrollmentToWire(enrollment, 'hidden'));
        for (const secret of [first ?? stamp.freshKey(), second ?? stamp.freshKey()]) {
          expect(hidden).not.toContain(secret);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('anything else', () => {
  it('is refused or accepted, and never throws', () => {
    const text = fc.option(fc.string({ maxLength: 60 }), { nil: null });
    const certificate = fc.record({ certificate: text });
    const pair = fc.option(fc.record({ primary: certificate, secondary: certificate }), { nil: null });
    const anything = fc.record({
      type: fc.constantFrom('none', 'tpm', 'x509', 'symmetricKey'),
      tpm: fc.option(fc.record({ endorsementKey: fc.base64String({ minLength: 4, maxLength: 40 }) }), { nil: null }),
      x509: fc.record({ clientCertificates: pair, signingCertificates: pair }),
      symmetricKey: fc.option(fc.record({ primaryKey: text, secondaryKey: text }), { nil: null }),
    });
    fc.assert(
      fc.property(anything, fc.constantFrom('individual' as const, 'group' as const), (proof, kind) => {
        const schema = kind === 'group' ? enrollmentGroup : individualEnrollment;
        const wire = schema.safeParse({ registrationId: 'a', enrollmentGroupId: 'a', attestation: proof });
        if (!wire.success) return;
        const formed = enrollmentFromWire(kind, wire.data, stamp);
        if (!formed.ok) expect(formed.fault.code).toBe('invalid');
      }),
      { numRuns: 300 },
    );
    expect(stamp.freshKey()).toHaveLength(88);
  });
});
