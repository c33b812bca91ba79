import { expect, it } from 'vitest';
import type { Enrollment } from '../core/records.ts';
import { createGroupReader, enrollmentFromRow, enrollmentToRow } from './rows.ts';
import type { EnrollmentRow } from './schema.ts';

const row = (key: string, more: Partial<EnrollmentRow> = {}): EnrollmentRow => ({
  ...{ kind: 'group', key, id: key, etag: 'e', created_ms: 1, updated_ms: 2 },
  body: JSON.stringify({ enabled: true, attestation: { type: 'x509', primary: { der: { $bytes: 'AAEC' } } } }),
  ...more,
});

it('gives a group as its row says it, and parses the same row once', () => {
  const read = createGroupReader();
  const first = read(row('line-7'));
  expect(first).toEqual(enrollmentFromRow(row('line-7')));
  expect(read(row('line-7'))).toBe(first);
  expect(enrollmentToRow(first)).toEqual(row('line-7'));
});

it.each<[string, Partial<EnrollmentRow>]>([
  ['body', { body: row('line-7').body.replace('true', 'false') }],
  ['etag', { etag: 'f' }],
  ['spelling', { id: 'LINE-7' }],
  ['birth', { created_ms: 0 }],
  ['last change', { updated_ms: 3 }],
])('reads a row anew whose %s is another, whoever wrote it', (_what, change) => {
  const read = createGroupReader();
  read(row('line-7'));
  expect(read(row('line-7', change))).toEqual(enrollmentFromRow(row('line-7', change)));
});

it('forgets the oldest of too many groups, and remembers no single device', () => {
  const read = createGroupReader();
  const first = read(row('line-0'));
  for (let at = 1; at < 256; at += 1) read(row(`line-${at}`));
  expect(read(row('line-0'))).toBe(first);
  read(row('line-256'));
  expect(read(row('line-0'))).not.toBe(first);
  const device: Enrollment = read(row('unit', { kind: 'individual' }));
  expect(read(row('unit', { kind: 'individual' }))).not.toBe(device);
});
