import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../base/bytes.ts';
import { must } from '../base/result.ts';
import { createSasToken, hmacSha256, keySigner, parseSasToken, resourceCovers, verifySasToken } from './sas.ts';

const key = Uint8Array.from({ length: 32 }, (_, at) => at);
const se = 1_900_000_000;
const check = { keys: [key], nowS: se - 10, skewS: 300 };

describe('the vectors of dps-wire 1.7', () => {
  const vectors = [
    ['0ne00ABCDEF/registrations/dev-01', '5xhDQ/uo3WfVOfpSSUBTESCCRH6suOrdiHKjtKwqHjE='],
    ['0ne00ABCDEF%2fregistrations%2fdev-01', 'ewYfQt2dEr2QYNlGjza1HhxCyRnReTH6jfbwKuL2QhQ='],
    ['0ne00ABCDEF%2Fregistrations%2Fdev-01', '7NSurcKpOPchSYuHxnzMET5vPa5d1hbXLMDAv7FLvnE='],
  ] as const;

  // [dps-wire 11, rule 9] verified over the raw `sr`, with `skn` present, empty or absent, in any order
  it.each(vectors)('verify over the raw spelling %s', (sr, sig) => {
    const encoded = encodeURIComponent(sig);
    for (const text of [
      `SharedAccessSignature sr=${sr}&sig=${encoded}&skn=registration&se=${se}`,
      `SharedAccessSignature sr=${sr}&sig=${encoded}&se=${se}&skn=registration`,
      `SharedAccessSignature sr=${sr}&sig=${encoded}&se=${se}&skn=`,
      `sharedaccesssignature se=${se}&sig=${encoded}&sr=${sr}`,
    ]) {
      const token = must(parseSasToken(text));
      expect(token.resource).toBe('0ne00ABCDEF/registrations/dev-01');
      expect(verifySasToken(token, check).ok).toBe(true);
    }
  });

  it('are what we make', async () => {
    const request = { resource: '0ne00ABCDEF/registrations/dev-01', expiresAtS: se, keyName: 'registration' };
    expect(await createSasToken(request, keySigner(key))).toEqual({
      ok: true,
      value: `SharedAccessSignature sr=0ne00ABCDEF%2Fregistrations%2Fdev-01&sig=${encodeURIComponent(vectors[2][1])}&se=${se}&skn=registration`,
    });
  });
});

describe('our HMAC-SHA256', () => {
  it('is that of Node, for keys below, at and above a block', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 140 }), fc.uint8Array({ maxLength: 300 }), (own, message) => {
        const theirs = createHmac('sha256', own).update(message).digest();
        expect(Buffer.from(hmacSha256(own, message)).equals(theirs)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('verifying', () => {
  const made = async (keyBytes: Uint8Array, expiresAtS: number) =>
    must(parseSasToken(must(await createSasToken({ resource: 'a/b', expiresAtS }, keySigner(keyBytes)))));

  it('accepts either of two keys and refuses a third', async () => {
    const other = key.map((byte) => byte ^ 1);
    const token = await made(other, se);
    expect(verifySasToken(token, { ...check, keys: [key, other] }).ok).toBe(true);
    expect(verifySasToken(token, check)).toMatchObject({ fault: { code: 'sas-wrong' } });
    expect(verifySasToken(token, { ...check, keys: [] })).toMatchObject({ fault: { code: 'sas-wrong' } });
  });

  it('allows the skew and not a second more', async () => {
    const token = await made(key, se);
    expect(verifySasToken(token, { ...check, nowS: se + 300 }).ok).toBe(true);
    expect(verifySasToken(token, { ...check, nowS: se + 301 })).toMatchObject({ fault: { code: 'sas-expired' } });
  });

  it('refuses a signature cut short', async () => {
    const token = await made(key, se);
    expect(verifySasToken({ ...token, signature: token.signature.subarray(0, 31) }, check).ok).toBe(false);
  });
});

describe('parsing', () => {
  it.each([
    '',
    'Bearer x',
    'SharedAccessSignature',
    'SharedAccessSignature sr=a',
    'SharedAccessSignature sr=a&sig=b!&se=1',
    'SharedAccessSignature sr=a&sig=AAAA&se=x',
    'SharedAccessSignature sr=a&sr=b&sig=AAAA&se=1',
    'SharedAccessSignature sr=%zz&sig=AAAA&se=1',
    `SharedAccessSignature sr=${'a'.repeat(2_048)}&sig=AAAA&se=1`,
  ])('refuses %j', (text) => {
    expect(parseSasToken(text)).toMatchObject({ ok: false, fault: { code: 'sas-unreadable' } });
  });

  it('reads back whatever was made', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme-ascii' }),
        fc.nat(),
        async (name, at) => {
          const text = must(await createSasToken({ resource: name, expiresAtS: at, keyName: name }, keySigner(key)));
          expect(parseSasToken(text)).toMatchObject({ value: { resource: name, keyName: name, expiresAtS: at } });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        expect(typeof parseSasToken(`SharedAccessSignature ${text}`).ok).toBe('boolean');
      }),
      { numRuns: 100 },
    );
    expect(fromBase64(toBase64(key))).toEqual(key);
  });
});

describe('the resource of a policy’s token', () => {
  const covers = (resource: string, path: string): boolean =>
    resourceCovers(resource, { hosts: ['dps.example.net', '127.0.0.9'], path });

  it('is the host, in any spelling, and then opens everything there', () => {
    for (const host of ['dps.example.net', 'DPS.example.net', 'https://dps.example.net:443/', '127.0.0.9:8443']) {
      expect(covers(host, '/enrollments/press-17')).toBe(true);
    }
    expect(covers('other.example.net', '/enrollments')).toBe(false);
    expect(covers('', '/enrollments')).toBe(false);
  });

  it('or the host with whole segments behind it, and then opens what lies below them alone', () => {
    expect(covers('dps.example.net/Enrollments', '/enrollments/press-17')).toBe(true);
    expect(covers('dps.example.net/enrollments/a b', '/enrollments/a%20b/attestationmechanism')).toBe(true);
    for (const path of ['/enrollmentGroups/line-7', '/enrollments', '/enrollments/press-18', '/']) {
      expect(covers('dps.example.net/enrollments/press-17', path)).toBe(false);
    }
  });
});
