import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { must } from '../../lib/base/result.ts';
import { enrollmentGroupIdOf, firstCertificate } from './enrollment.ts';
import type { BatchTerms } from './model.ts';
import { checkTemplate, deviceIdOf, parseRegistrationId, registrationIdOf } from './naming.ts';
import { parseSerialPattern } from './serial-pattern.ts';
import { checkTerms } from './terms.ts';

const codeOf = (result: { ok: boolean; fault?: { code: string } }): string | undefined => result.fault?.code;
const terms: BatchTerms = {
  name: 'A',
  product: 'P',
  quantity: 1,
  attestation: 'tpm',
  enrollmentKind: 'individual',
  keyAlgorithm: 'p256',
  deviceIdTemplate: '{serialNumber}',
  serialPattern: 'SN[0-9]+',
  ekCertificatePolicy: 'none',
  deviceProfile: 'bench-link',
};

describe('a serial pattern', () => {
  it.each([
    ['[A-Z]{2}[0-9]{6}', 'AB123456', 'AB12345'],
    ['^SN-\\d+$', 'SN-1', 'SN-'],
    ['(?:AB|CD)-?[0-9A-F]{4,6}', 'CD00FF', 'EF00FF'],
    ['S(N|X)*\\.\\w+?', 'SNXN.a_1', 'S.'],
    ['([0-9]{2}:){5}[0-9]{2}', '01:02:03:04:05:06', '01:02:03:04:05'],
    ['A|B', 'B', 'AB'],
    ['x{0}y', 'y', 'xy'],
    ['[^-]+', 'ä€', 'a-b'],
  ])('%s takes %s and not %s', (pattern, good, bad) => {
    const parsed = must(parseSerialPattern(pattern));
    expect(parsed.parse(` ${good}\n`)).toBe(good);
    expect(parsed.parse(bad)).toBeUndefined();
  });

  it.each([
    '(',
    'a)',
    '[z-a]',
    '(?=a)a',
    '\\1',
    'a**',
    'x{2,1}',
    'x{99}',
    '*',
    '((((((a))))))',
    '((a+)+)+',
    '\\b',
    'a{1',
  ])('%s is refused', (pattern) => {
    expect(codeOf(parseSerialPattern(pattern))).toBe('serial-pattern-malformed');
  });

  it('gives what RegExp gives, for the part that both know', () => {
    const atom = fc.constantFrom('a', 'b', '[ab]', '.', '(?:a|bb)', '(ab|a)');
    const part = fc
      .tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,2}', '{1,}'))
      .map((pair) => pair.join(''));
    const pattern = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 })
      .map((letters) => letters.join(''));
    fc.assert(
      fc.property(pattern, text, (source, serial) => {
        const ours = must(parseSerialPattern(source)).parse(serial) !== undefined;
        expect(ours).toBe(new RegExp(`^(?:${source})$`, 'u').test(serial));
      }),
      { numRuns: 300 },
    );
  });

  it('is done soon with what makes a RegExp backtrack for ever', () => {
    const evil = must(parseSerialPattern(`${'(?:a+)+'.repeat(8)}b`));
    expect(evil.parse('a'.repeat(64))).toBeUndefined();
    expect(must(parseSerialPattern(`${'.*'.repeat(90)}!`)).parse('a'.repeat(64))).toBeUndefined();
  });

  it('takes no serial number longer than 64 characters', () => {
    const any = must(parseSerialPattern('.+'));
    expect(any.parse('a'.repeat(64))).toBe('a'.repeat(64));
    expect(any.parse('a'.repeat(65))).toBeUndefined();
    expect(any.parse('  ')).toBeUndefined();
  });
});

describe('names', () => {
  it.each(['abc', 'a-b.c_d:e1', 'A1', '-', 'x'.repeat(128)])('%s is a registration id', (text) => {
    expect(must(parseRegistrationId(text))).toBe(text.toLowerCase());
  });

  it.each(['', 'a.', 'a_', 'a:', 'a b', 'ä', 'a/b', 'x'.repeat(129)])('"%s" is none', (text) => {
    expect(codeOf(parseRegistrationId(text))).toBe('registration-id-malformed');
  });

  it('come from the TPM, the serial number, or the template', () => {
    expect(must(registrationIdOf({}, 'SN1', 'abc'))).toBe('abc');
    expect(must(registrationIdOf({}, 'SN1', undefined))).toBe('sn1');
    expect(must(registrationIdOf({ registrationIdTemplate: 'line7-{serialNumber}' }, 'SN1', 'abc'))).toBe('line7-sn1');
    expect(
      must(
        deviceIdOf({ deviceIdTemplate: '{serialNumber}@{registrationId}' }, { registrationId: 'r', serialNumber: 'S' }),
      ),
    ).toBe('S@r');
  });

  it('that the service or a hub would refuse are refused here', () => {
    expect(codeOf(registrationIdOf({}, 'S N', undefined))).toBe('registration-id-malformed');
    // A common name has at most 64 characters; a TPM's id need not be one.
    expect(codeOf(registrationIdOf({}, 's'.repeat(65), undefined))).toBe('registration-id-malformed');
    expect(
      codeOf(deviceIdOf({ deviceIdTemplate: 'a b{serialNumber}' }, { registrationId: 'r', serialNumber: 'S' })),
    ).toBe('device-id-malformed');
  });

  it('are told apart by their template', () => {
    expect(codeOf(checkTemplate('device id', 'press', ['serialNumber']))).toBe('template-malformed');
    expect(codeOf(checkTemplate('device id', '{ek}-{serialNumber}', ['serialNumber']))).toBe('template-malformed');
    expect(checkTemplate('device id', 'a-{serialNumber}', ['serialNumber']).ok).toBe(true);
  });
});

describe('terms', () => {
  it('are kept with the initial twin in one spelling', () => {
    const initialTwin = ' { "tags": {"a": 1}, "properties": {"desired": {}} } ';
    expect(must(checkTerms({ ...terms, initialTwin }, undefined)).initialTwin).toBe(
      '{"tags":{"a":1},"properties":{"desired":{}}}',
    );
    expect(must(checkTerms({ ...terms, initialTwin: '  ' }, undefined))).toEqual(terms);
  });

  it.each([
    '{',
    '[]',
    '1',
    '{"desired":{}}',
    '{"tags":[]}',
    '{"properties":[]}',
    '{"properties":{"reported":{}}}',
    '{"properties":{"desired":1}}',
  ])('refuse %s as an initial twin', (initialTwin) => {
    expect(codeOf(checkTerms({ ...terms, initialTwin }, undefined))).toBe('initial-twin-malformed');
  });

  it.each([
    [{ serialPattern: '(' }, 'serial-pattern-malformed'],
    [{ deviceIdTemplate: 'x' }, 'template-malformed'],
    [{ registrationIdTemplate: '{registrationId}' }, 'template-malformed'],
    [{ attestation: 'mixed' as const }, 'batch-needs-signer'],
  ])('refuse %o', (change, code) => {
    expect(codeOf(checkTerms({ ...terms, ...change }, undefined))).toBe(code);
  });
});

describe('enrollments', () => {
  it('of one signer and twin have one group id, which the service takes', () => {
    const hash = (text: string): string => Buffer.from(text).toString('hex').padEnd(64, '0');
    const id = enrollmentGroupIdOf({ commonName: 'Line 7: Größe/CA', sha256: 'AB' }, undefined, hash);
    expect(id).toBe(enrollmentGroupIdOf({ commonName: 'Line 7: Größe/CA', sha256: 'ab' }, undefined, hash));
    expect(id).toMatch(/^line-7-gr-e-ca-[0-9a-f]{16}$/);
    expect(parseRegistrationId(enrollmentGroupIdOf({ commonName: '??', sha256: 'ab' }, '{}', hash)).ok).toBe(true);
  });

  it('hold the leaf alone', () => {
    const leaf = '-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n';
    expect(firstCertificate(`${leaf}${leaf}`)).toBe(leaf);
    expect(firstCertificate('nothing')).toBe('nothing');
  });
});
