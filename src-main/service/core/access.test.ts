import { expect, it } from 'vitest';
import { createAttemptLimits } from '../../lib/base/attempt-limits.ts';
import { toBase64 } from '../../lib/base/bytes.ts';
import { manualClock } from '../../lib/base/clock.ts';
import { must } from '../../lib/base/result.ts';
import { createSasToken, keySigner } from '../../lib/dps/sas.ts';
import { checkAccess, type AccessParts } from './access.ts';

const key = new Uint8Array(32).fill(7);

function access(): AccessParts {
  const clock = manualClock();
  const keys = { primaryKey: toBase64(key), secondaryKey: toBase64(new Uint8Array(32).fill(8)) };
  const policies = [{ name: 'reader', ...keys, rights: ['EnrollmentRead'] }] as const;
  return { policies, limits: createAttemptLimits(clock), clock };
}

async function token(keyName: string, by: Uint8Array): Promise<string> {
  const expiresAtS = manualClock().nowMs() / 1_000 + 3_600;
  return must(await createSasToken({ resource: 'dps.test', expiresAtS, keyName }, keySigner(by)));
}

const asked = { right: 'EnrollmentRead', hosts: ['dps.test'], path: '/enrollments/a' } as const;

it('makes a source wait after thirty wrong keys, and no other, nor who has shown a right one', async () => {
  const parts = access();
  const [right, wrong] = [await token('reader', key), await token('reader', new Uint8Array(32))];
  const codeOf = (authorization: string, source: string): string => {
    const allowed = checkAccess(parts, { ...asked, authorization, source });
    return allowed.ok ? 'allowed' : allowed.fault.code;
  };
  expect(codeOf(right, '127.0.0.2')).toBe('allowed');
  const codes = Array.from({ length: 31 }, () => codeOf(wrong, '127.0.0.1'));
  expect(codes.slice(0, 30)).toEqual(Array<string>(30).fill('unauthorized'));
  expect(codes[30]).toBe('throttled');
  expect(codeOf(right, '127.0.0.1')).toBe('throttled');
  expect(codeOf(right, '127.0.0.2')).toBe('allowed');
  expect(codeOf(right, '127.0.0.3')).toBe('allowed');
});

it('counts a right key without the right as a right key', async () => {
  const parts = access();
  const authorization = await token('reader', key);
  for (let at = 0; at < 40; at += 1) {
    const allowed = checkAccess(parts, { ...asked, right: 'EnrollmentWrite', authorization, source: '127.0.0.1' });
    expect(allowed).toMatchObject({ ok: false, fault: { code: 'not-allowed' } });
  }
});
