import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { must } from '../../lib/base/result.ts';
import { createScanReader, defaultScanRules } from './scan-reader.ts';

const reader = must(createScanReader(defaultScanRules));
const gs = '\u001d';
const read = (text: string) => reader.read(text);
const serial = (text: string) => ({ ok: true, value: { kind: 'serial', serialNumber: text } });
const refused = (code: string) => ({ ok: false, fault: { code } });

describe('a code is told by its prefix', () => {
  it.each([
    ['SLOT-3', { kind: 'slot', slot: 3 }],
    ['SLOT-16', { kind: 'slot', slot: 16 }],
    ['slot-03', { kind: 'slot', slot: 3 }],
    ['OP-ADA OKAFOR', { kind: 'badge', operator: 'ADA OKAFOR' }],
    ['op-Jürgen', { kind: 'badge', operator: 'Jürgen' }],
    ['CMD-ABORT', { kind: 'command', command: 'abort' }],
    ['cmd-retry', { kind: 'command', command: 'retry' }],
    ['SN:2026-01', { kind: 'serial', serialNumber: '2026-01' }],
  ])('%s', (text, value) => {
    expect(read(text)).toEqual({ ok: true, value });
  });

  it('takes anything else for a serial number, with white space around it taken away', () => {
    expect(read(' SN-2026-000141\r\n')).toEqual(serial('SN-2026-000141'));
    expect(read('SLOTTED-3')).toEqual(serial('SLOTTED-3'));
  });

  it.each([
    ['SLOT-17', 'scan-slot-unknown'],
    ['SLOT-0', 'scan-slot-unknown'],
    ['SLOT-3SN-2026-1', 'scan-slot-unknown'],
    ['OP-', 'scan-badge-unreadable'],
    [`OP-${'x'.repeat(61)}`, 'scan-badge-unreadable'],
    ['CMD-FORMAT', 'scan-command-unknown'],
    ['SN:', 'scan-empty'],
    [' \r\n', 'scan-empty'],
    ['SN-1\nSN-2', 'scan-several'],
    ['SLOT-3\tSN-2', 'scan-several'],
    ['x'.repeat(201), 'scan-too-long'],
    ['SN-\u00001', 'scan-unreadable'],
    ['SN-1\u202e2', 'scan-unreadable'],
    ['SN-\ufffd', 'scan-unreadable'],
    ['SN-\ud800', 'scan-unreadable'],
  ])('refuses %j in words', (text, code) => {
    expect(read(text)).toMatchObject(refused(code));
  });
});

describe('GS1 element strings', () => {
  it.each([
    ['with the symbology identifier of a GS1 DataMatrix', `]d201095212345432131726123110LOT7${gs}21SN-2026-1`],
    ['with FNC1 in front of it', `${gs}010952123454321321SN-2026-1`],
    ['with the serial number before another part', `]d2010952123454321321SN-2026-1${gs}10LOT7`],
    ['as people read them', '(01)09521234543213(10)LOT7(21)SN-2026-1'],
    ['as a scanner sends them that keeps every mark to itself', '010952123454321321SN-2026-1'],
    ['with a separator after a part that needs none', `]C10109521234543213${gs}21SN-2026-1`],
  ])('%s', (_how, text) => {
    expect(read(text)).toEqual(serial('SN-2026-1'));
  });

  it('leaves a value its parentheses', () => {
    expect(read('(01)09521234543213(21)A(B)1')).toEqual(serial('A(B)1'));
  });

  it('takes a number that only looks like one for the serial number it is', () => {
    // the check digit of an article number would be 3
    expect(read('010952123454321421SN')).toEqual(serial('010952123454321421SN'));
  });

  it.each([
    ['(01)09521234543213(10)LOT7', 'scan-without-serial'],
    [`]d2${gs}`, 'scan-without-serial'],
    ['(21)A(21)B', 'scan-several'],
    [']d201095212', 'scan-gs1-malformed'],
    [']d2ABC', 'scan-gs1-malformed'],
    ['(01)0952(21)A', 'scan-gs1-malformed'],
    [`(21)${'A'.repeat(91)}`, 'scan-gs1-malformed'],
    ['(10)A'.repeat(25) + '(21)B', 'scan-gs1-malformed'],
  ])('refuses %j', (text, code) => {
    expect(read(text)).toMatchObject(refused(code));
  });

  it('are left alone where the rules say so', () => {
    const plain = must(createScanReader({ ...defaultScanRules, readsGs1: false }));
    expect(plain.read('(21)A')).toEqual(serial('(21)A'));
  });

  it('takes the symbology identifier of any other code away', () => {
    expect(read(']C0SLOT-4')).toEqual({ ok: true, value: { kind: 'slot', slot: 4 } });
  });
});

describe('rules of a house', () => {
  const house = must(
    createScanReader({
      ...defaultScanRules,
      rules: [
        { kind: 'badge', by: 'pattern', text: 'P\\d{5}' },
        { kind: 'slot', by: 'pattern', text: 'FIX[A-Z]-\\d{2}' },
      ],
      framePrefix: '~',
      frameSuffix: '#',
    }),
  );

  it('may be patterns, of which the first that fits decides', () => {
    expect(house.read('P00217')).toEqual({ ok: true, value: { kind: 'badge', operator: 'P00217' } });
    expect(house.read('FIXA-07')).toEqual({ ok: true, value: { kind: 'slot', slot: 7 } });
    expect(house.read('SLOT-3')).toEqual(serial('SLOT-3'));
  });

  it('take away what the scanner itself puts around a code', () => {
    expect(house.read('~P00217#')).toEqual({ ok: true, value: { kind: 'badge', operator: 'P00217' } });
    expect(house.read('~#')).toMatchObject(refused('scan-empty'));
  });

  it('are refused when a pattern cannot be read', () => {
    const rules = [{ kind: 'slot', by: 'pattern', text: '(' } as const];
    expect(createScanReader({ ...defaultScanRules, rules })).toMatchObject(refused('serial-pattern-malformed'));
  });
});

describe('of whatever a scanner sends', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 260 }),
    fc.stringMatching(/^(SLOT-|OP-|CMD-|\]d2|\(21\)|01)[ -~]{0,60}$/).map((text) => text.replaceAll('~', gs)),
  );

  it('everything is read or refused with a coded fault, and what is read is within its bounds', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const scan = read(text);
        if (!scan.ok) {
          expect(scan.fault.code).toMatch(/^scan-/);
          expect(`${scan.fault.say}${scan.fault.hint}`).not.toMatch(/\{[a-z]+\}|\p{Cc}/u);
          return;
        }
        expect(JSON.stringify(scan.value)).not.toMatch(/\p{Cc}|\p{Cs}/u);
        if (scan.value.kind === 'slot') expect(scan.value.slot).toBeLessThanOrEqual(16);
        if (scan.value.kind === 'badge') expect(scan.value.operator.length).toBeLessThanOrEqual(60);
        if (scan.value.kind === 'serial') expect(scan.value.serialNumber.trim()).not.toBe('');
      }),
      { seed: 11, numRuns: 3_000 },
    );
  });

  it('a serial number comes out of any GS1 code that carries it', () => {
    const value = fc.stringMatching(/^[A-Za-z0-9._/-]{1,20}$/);
    const lot = fc.stringMatching(/^[A-Z0-9]{1,20}$/);
    fc.assert(
      fc.property(value, lot, fc.boolean(), (sn, batch, isLast) => {
        const parts = [`10${batch}`, `21${sn}`];
        const packed = `]d20109521234543213${(isLast ? parts : parts.toReversed()).join(gs)}`;
        expect(read(packed)).toEqual(serial(sn));
        expect(read(`(10)${batch}(21)${sn}`)).toEqual(serial(sn));
      }),
      { seed: 12, numRuns: 500 },
    );
  });
});
