import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../lib/base/clock.ts';
import { must } from '../../../lib/base/result.ts';
import { streamPair } from '../../../lib/base/stream-pair.ts';
import mxchip from '../../../../resources/devices/mxchip-az3166.json' with { type: 'json' };
import nordic from '../../../../resources/devices/nordic-nrf91.json' with { type: 'json' };
import { createConsoleDriver } from './console-driver.ts';
import { draftProfile } from './draft.ts';
import { checkProfile } from './profile.ts';
import { fill, match, parseTemplate } from './template.ts';

const template = (source: string) => {
  const parts = parseTemplate(source);
  if (parts === undefined) throw new Error(source);
  return parts;
};
const found = (source: string, line: string) => {
  const names = match(template(source), line);
  return names && Object.fromEntries(names);
};

describe('a template', () => {
  it('reads a whole line, whatever blanks stand in it', () => {
    const item = '%CMNG: {slot:digits},{kind:digits},"{sha:hex}"';
    expect(found(item, '%CMNG: 12,1,"AB01"')).toEqual({ slot: '12', kind: '1', sha: 'AB01' });
    expect(found(item, '%CMNG: 12, 1, "AB01" ')).toEqual({ slot: '12', kind: '1', sha: 'AB01' });
    expect(found(item, '%CMNG: 12,1,"AB01" and more')).toBeUndefined();
    expect(found(item, '%CMNG: ,1,"AB01"')).toBeUndefined();
    expect(found('version {v} of {n:word}', 'version 1.2 (beta) of x-7')).toEqual({ v: '1.2 (beta)', n: 'x-7' });
  });

  it('is filled only when every name has a value, and refused when it cannot be read', () => {
    expect(fill(template('AT={a},{b}'), new Map([['a', '1']]))).toBeUndefined();
    expect(fill(template('AT={a}'), new Map([['a', '1']]))).toBe('AT=1');
    for (const bad of ['{', '{a', '{a:none}', '{a}{b}', '{1}']) expect(parseTemplate(bad), bad).toBeUndefined();
  });

  it('takes time that grows with the line alone', () => {
    const parts = template('{a:hex}-{b:hex}-{c:text}x{d:word}');
    // A backtracking matcher would need the product of these lengths.
    for (const line of ['a'.repeat(16_000), `${'a'.repeat(8_000)}-${'a'.repeat(8_000)}`, '-'.repeat(16_000)]) {
      expect(match(parts, line)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), fc.string({ maxLength: 200 }), (source, line) => {
        const read = parseTemplate(source);
        expect(read === undefined || match(read, line) === undefined || true).toBe(true);
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});

describe('a device profile', () => {
  it('that is shipped passes the check, and names where the vendor says all this', () => {
    for (const data of [nordic, mxchip]) {
      const profile = must(checkProfile(data));
      expect(profile.sources.every((source) => source.startsWith('https://'))).toBe(true);
    }
  });

  it('in the documentation passes the check', () => {
    const text = readFileSync(new URL('../../../../docs/drivers.md', import.meta.url), 'utf8');
    const [, example = ''] = /```json\n([\s\S]*?)\n```/.exec(text) ?? [];
    const profile = must(checkProfile(JSON.parse(example)));
    expect(profile.attestations).toEqual(['x509']);
  });

  it('is refused with the place and the reason', () => {
    const { readCertificates: _read, ...blind } = nordic.steps;
    const cases: readonly [unknown, string][] = [
      [{ ...nordic, timeoutMs: 5 }, 'timeoutMs'],
      [{ ...nordic, line: { ...nordic.line, end: 'tab' } }, 'line.end'],
      [{ ...nordic, extra: 1 }, 'extra'],
      [{ ...nordic, until: '{OK' }, 'until'],
      [{ ...nordic, until: 'prompt' }, 'line.prompt'],
      [{ ...nordic, steps: blind }, 'steps.readCertificates'],
      [{ ...nordic, identity: { ...nordic.identity, model: '{board}' } }, 'identity'],
      [{ ...nordic, steps: { ...nordic.steps, createCsr: [{ send: 'AT' }] } }, 'steps.createCsr'],
      [{ ...nordic, steps: { ...nordic.steps, boot: [{ send: 'AT={leafPem}' }] } }, 'steps.boot.0'],
      ['no object', 'the file'],
    ];
    for (const [data, place] of cases) {
      const checked = checkProfile(data);
      expect(checked, place).toMatchObject({ ok: false, fault: { code: 'profile-malformed' } });
      expect(!checked.ok && checked.fault.say).toContain(place);
      expect(!checked.ok && checked.fault.hint).toContain('docs/drivers.md');
    }
  });
});

describe('a recipe', () => {
  it('never hangs and never throws, whatever the unit sends', { timeout: 60_000 }, async () => {
    const words = [
      'OK',
      'ERROR',
      '+CME ERROR: 518',
      '%KEYGEN: "',
      '%CMNG: 16842753,1,"',
      '123456789012345',
      'mfw_nrf9160_1',
      '\r\n',
      '\r',
      '"',
      '{slot}',
    ];
    const chunk = fc.oneof(
      fc.constantFrom(...words).map((word) => new TextEncoder().encode(word)),
      fc.uint8Array({ maxLength: 60 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 30 }), async (chunks) => {
        const clock = manualClock();
        const { near, far } = streamPair();
        const signal = new AbortController().signal;
        let next = 0;
        far.onData(() => {
          for (let count = 0; count < 3; count += 1)
            void far.write(chunks[next++ % Math.max(1, chunks.length)] ?? new Uint8Array(0));
        });
        const driver = createConsoleDriver(near, must(checkProfile(nordic)), { clock, trustedRoots: [] });
        const state = { isDone: false };
        const all = (async () => {
          await driver.connect(signal);
          await driver.facts();
          await driver.generateKey('id', 'p256');
          await driver.createCsr('id-csr', 'unit-1');
          await driver.writeCertificates('id-2', [Uint8Array.of(0x30, 0)]);
          await driver.readCertificates();
          await driver.retire?.('id-3', []);
          state.isDone = true;
        })();
        // Every wait has a bound: 60 s for the key is the longest, with three attempts for what only reads.
        for (let turn = 0; !state.isDone && turn < 2_000; turn += 1) await clock.advance(500);
        expect(state.isDone).toBe(true);
        await all;
        await driver.close();
        expect(await driver.facts()).toMatchObject({ ok: false, fault: { code: 'console-lost' } });
      }),
      { seed: 8, numRuns: 60 },
    );
  });
});

describe('a line that ends', () => {
  it('is told as the port tells it, also by what is asked afterwards', async () => {
    const pair = streamPair();
    const clock = manualClock();
    const driver = createConsoleDriver(pair.near, must(checkProfile(nordic)), { clock, trustedRoots: [] });
    const asking = driver.facts();
    pair.unplug({ code: 'port-unplugged', say: 'The adapter was unplugged.', hint: 'Plug it in again.' });
    expect(await asking).toMatchObject({ ok: false, fault: { code: 'port-unplugged' } });
    expect(await driver.facts()).toMatchObject({ ok: false, fault: { code: 'port-unplugged' } });
  });
});

describe('a draft', () => {
  const transcript = [
    ...['> AT', 'OK', '> AT+CGSN', '352656109480783', 'OK', '> AT%CMNG=0,1,1,"-----BEGIN CERTIFICATE-----'],
    ...['MIIBiDCC', '-----END CERTIFICATE-----', '"', 'OK'],
    ...['> AT%KEYGEN=1,2,0', `%KEYGEN: "${'MIIB'.repeat(60)}.${'0oRD'.repeat(40)}"`, 'OK', '> AT+X', '+CME ERROR: 50'],
  ].join('\r\n');

  it('turns a captured session into a profile that only lacks what a person must say', () => {
    const draft = must(draftProfile(transcript, { profileId: 'my-modem' })) as { steps: Record<string, object[]> };
    expect(draft).toMatchObject({
      until: 'OK',
      attestations: ['x509'],
      steps: {
        connect: [{ send: 'AT' }],
        createCsr: [{ send: 'AT%KEYGEN=1,2,0', keep: ['%KEYGEN: "{csr:base64url}.{signature:base64url}"'] }],
        writeCertificates: [{ send: 'AT%CMNG=0,1,1,"{chainPem}"' }],
      },
    });
    expect(draft.steps['identify']?.[0]).toMatchObject({ send: 'AT+CGSN', keep: ['{number0:digits}'] });
    // How it is read back, no transcript of a write can tell.
    expect(checkProfile(draft)).toMatchObject({ fault: { detail: { path: 'steps.readCertificates' } } });
    const read = [{ send: 'AT%CMNG=1,1,1', keep: ['%CMNG: 1,1,"{sha:hex}"'], expect: { sha: '{chainPemSha256}' } }];
    expect(checkProfile({ ...draft, steps: { ...draft.steps, readCertificates: read } }).ok).toBe(true);
  });

  it('is refused for a text without commands, and never throws', () => {
    expect(draftProfile('nothing here', { profileId: 'x' })).toMatchObject({ fault: { code: 'transcript-empty' } });
    expect(draftProfile('\n'.repeat(6_000), { profileId: 'x' })).toMatchObject({ fault: { code: 'transcript-long' } });
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        const draft = draftProfile(`> a\n${text}\n> {b}\n${text}`, { profileId: 'x' });
        expect(draft.ok && checkProfile(draft.value).ok).toBe(true);
      }),
      { seed: 9, numRuns: 100 },
    );
  });
});
