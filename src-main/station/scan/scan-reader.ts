/** Tells one code from another: a serial number, a slot, an operator's badge or a command. Pure; of what is read nothing is believed. */
import { type ScanCommand, type ScanRule, type ScanRules, scanCommands } from '../../contract/scan.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { parseSerialPattern } from '../batches/serial-pattern.ts';
import { serialOfGs1, unmarked } from './gs1.ts';
import { scanFault } from './faults.ts';

export type Scan =
  | { readonly kind: 'serial'; readonly serialNumber: string }
  | { readonly kind: 'slot'; readonly slot: number }
  | { readonly kind: 'badge'; readonly operator: string }
  | { readonly kind: 'command'; readonly command: ScanCommand };

export interface ScanReader {
  readonly rules: ScanRules;
  read(text: string): Result<Scan>;
}

/** What the labels of a new station say; docs/operating.md prints them. */
export const defaultScanRules: ScanRules = {
  rules: [
    { kind: 'slot', by: 'prefix', text: 'SLOT-' },
    { kind: 'badge', by: 'prefix', text: 'OP-' },
    { kind: 'command', by: 'prefix', text: 'CMD-' },
    { kind: 'serial', by: 'prefix', text: 'SN:' },
  ],
  framePrefix: '',
  frameSuffix: '',
  // Scanners repeat a label within 0.3 to 0.8 s; a person who means it needs longer.
  blankingMs: 1_000,
  readsGs1: true,
};

// A GS1 DataMatrix label with article, batch, dates and serial number stays below 120 characters.
const maxScanLength = 200;
const maxSlot = 16; // as the contract says
const maxOperator = 60;
// Controls, formatting that no one sees, halves of characters, and what a decoder puts where it could not read.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\ufffd]/u;

/** Refuses rules whose patterns cannot be read. */
export function createScanReader(rules: ScanRules): Result<ScanReader> {
  const matchers: Matcher[] = [];
  for (const rule of rules.rules) {
    const matcher = matcherOf(rule);
    if (!matcher.ok) return matcher;
    matchers.push(matcher.value);
  }
  return ok(Object.freeze({ rules, read: (text) => readScan(text, rules, matchers) } satisfies ScanReader));
}

interface Matcher {
  readonly rule: ScanRule;
  /** The value of a code that fits. */
  value(code: string): string | undefined;
}

function matcherOf(rule: ScanRule): Result<Matcher> {
  if (rule.by === 'prefix') {
    // A keyboard whose capitals are locked turns the letters of a scanner over.
    const prefix = rule.text.toLowerCase();
    const value = (code: string) =>
      code.slice(0, prefix.length).toLowerCase() === prefix ? code.slice(prefix.length) : undefined;
    return ok({ rule, value });
  }
  const pattern = parseSerialPattern(rule.text);
  return pattern.ok ? ok({ rule, value: (code) => pattern.value.parse(code) }) : pattern;
}

function readScan(text: string, rules: ScanRules, matchers: readonly Matcher[]): Result<Scan> {
  if (text.length > maxScanLength) {
    return failed(scanFault('scan-too-long', { length: text.length, limit: maxScanLength }));
  }
  const codes = text
    .split(/[\r\n\t]+/)
    .map((code) => unframed(code.trim(), rules))
    .filter((code) => code !== '');
  const [code] = codes;
  if (code === undefined) return failed(scanFault('scan-empty'));
  if (codes.length > 1) return failed(scanFault('scan-several', { count: codes.length }));
  const content = contentOf(code, rules);
  if (!content.ok) return content;
  const place = content.value.search(unprintable);
  if (place >= 0) return failed(scanFault('scan-unreadable', { place: place + 1 }));
  return told(content.value, matchers);
}

function unframed(code: string, { framePrefix, frameSuffix }: ScanRules): string {
  const from = framePrefix !== '' && code.startsWith(framePrefix) ? framePrefix.length : 0;
  const to = frameSuffix !== '' && code.endsWith(frameSuffix) ? code.length - frameSuffix.length : code.length;
  return code.slice(from, Math.max(from, to)).trim();
}

function contentOf(code: string, rules: ScanRules): Result<string> {
  if (!rules.readsGs1) return ok(code);
  const { text, isGs1 } = unmarked(code);
  return isGs1 ? serialOfGs1(text) : ok(text);
}

function told(code: string, matchers: readonly Matcher[]): Result<Scan> {
  for (const matcher of matchers) {
    const found = matcher.value(code)?.trim();
    if (found !== undefined) return valued(matcher.rule.kind, found, code);
  }
  return ok({ kind: 'serial', serialNumber: code });
}

function valued(kind: ScanRule['kind'], value: string, code: string): Result<Scan> {
  const scanned = code.slice(0, 40);
  switch (kind) {
    case 'serial':
      return value === '' ? failed(scanFault('scan-empty')) : ok({ kind, serialNumber: value });
    case 'slot': {
      // By a pattern the whole code is the value: its last digits are the slot.
      const slot = Number(/^\D*0*(\d{1,2})$/.exec(value)?.[1]);
      const isSlot = slot >= 1 && slot <= maxSlot;
      return isSlot ? ok({ kind, slot }) : failed(scanFault('scan-slot-unknown', { scanned }));
    }
    case 'badge':
      return value === '' || value.length > maxOperator
        ? failed(scanFault('scan-badge-unreadable'))
        : ok({ kind, operator: value });
    case 'command': {
      const command = scanCommands.find((one) => value.toLowerCase() === one);
      const commands = scanCommands.join(', ');
      return command === undefined
        ? failed(scanFault('scan-command-unknown', { scanned, commands }))
        : ok({ kind, command });
    }
  }
}
