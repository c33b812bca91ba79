/**
 * GS1 element strings, as scanners send them (GS1 General Specifications 7.8): with an AIM symbology identifier, with FNC1 as
 * GS, or as people read them, with the application identifiers in parentheses. Only what leads to (21) is judged.
 */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { scanFault } from './faults.ts';

export interface Gs1Element {
  readonly ai: string;
  readonly value: string;
}

const groupSeparator = '\u001d';
const serialAi = '21';
// General Specifications figure 7.8.5-2: elements that end by their length, keyed by their first two digits; the length
// counts the identifier too.
const fixedLengths: Readonly<Record<string, number>> = {
  ...{
    '00': 20,
    '01': 16,
    '02': 16,
    '03': 16,
    '04': 18,
    '11': 8,
    '12': 8,
    '13': 8,
    '14': 8,
    '15': 8,
    '16': 8,
    '17': 8,
  },
  ...{ '18': 8, '19': 8, '20': 4, '31': 10, '32': 10, '33': 10, '34': 10, '35': 10, '36': 10, '41': 16 },
};
// How many digits an identifier has, by its first two (table of section 3.2).
const threeDigits = new Set(['23', '24', '25', '40', '41', '42', '71']);
const fourDigits = new Set(['31', '32', '33', '34', '35', '36', '39', '43', '70', '72', '80', '81', '82']);
// The longest value of any identifier has 90 characters (8200, 91 to 99).
const maxValue = 90;
// A code that carries more is none of ours: the fullest label we know has nine.
const maxElements = 24;

const gs1Symbologies = new Set([']C1', ']e0', ']d2', ']Q3', ']J1']);

interface Marked {
  readonly text: string;
  /** Whether the code itself says that it holds GS1 element strings. */
  readonly isGs1: boolean;
}

/** Takes the AIM symbology identifier and a leading FNC1 away. */
export function unmarked(scanned: string): Marked {
  const symbology = /^\][A-Za-z][0-9A-Za-z]/.exec(scanned)?.[0] ?? '';
  const text = scanned.slice(symbology.length);
  const isSeparated = text.includes(groupSeparator);
  const isSpelled = /^\(\d{2,4}\)/.test(text);
  const isGs1 = gs1Symbologies.has(symbology) || isSeparated || isSpelled || beginsWithGtin(text);
  return { text: text.startsWith(groupSeparator) ? text.slice(1) : text, isGs1 };
}

/** A scanner may send neither mark: then an article number whose check digit is right, followed by (21), speaks for itself. */
function beginsWithGtin(text: string): boolean {
  const gtin = /^01(\d{14})21./s.exec(text)?.[1];
  return gtin !== undefined && hasCheckDigit(gtin);
}

function hasCheckDigit(gtin: string): boolean {
  const digits = Array.from(gtin, Number);
  const sum = digits.slice(0, -1).reduce((total, digit, at) => total + digit * (at % 2 === 0 ? 3 : 1), 0);
  return (10 - (sum % 10)) % 10 === digits.at(-1);
}

export function serialOfGs1(text: string): Result<string> {
  const elements = /^\(\d{2,4}\)/.test(text) ? spelled(text) : packed(text);
  if (!elements.ok) return elements;
  const serials = elements.value.filter(({ ai }) => ai === serialAi);
  const [serial] = serials;
  if (serial === undefined) return failed(scanFault('scan-without-serial'));
  if (serials.length > 1) return failed(scanFault('scan-several', { count: serials.length }));
  return ok(serial.value);
}

function spelled(text: string): Result<readonly Gs1Element[]> {
  // An identifier ends the value before it; a parenthesis that holds none belongs to the value.
  const parts = text.split(/\((\d{2,4})\)/).slice(1);
  const elements: Gs1Element[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const ai = parts[at] ?? '';
    const checked = checkedElement(ai, (parts[at + 1] ?? '').replaceAll(groupSeparator, ''));
    if (!checked.ok) return checked;
    elements.push(checked.value);
    if (elements.length > maxElements) return malformed(`it has more than ${maxElements} parts`);
  }
  return ok(elements);
}

function packed(text: string): Result<readonly Gs1Element[]> {
  const elements: Gs1Element[] = [];
  for (let rest = text; rest !== '';) {
    const next = firstElement(rest);
    if (!next.ok) return next;
    elements.push(next.value.element);
    if (elements.length > maxElements) return malformed(`it has more than ${maxElements} parts`);
    rest = next.value.rest;
  }
  return ok(elements);
}

function firstElement(text: string): Result<{ readonly element: Gs1Element; readonly rest: string }> {
  const key = text.slice(0, 2);
  const ai = text.slice(0, fourDigits.has(key) ? 4 : threeDigits.has(key) ? 3 : 2);
  const length = fixedLengths[key];
  const end = length ?? separatorIn(text);
  const element = checkedElement(ai, text.slice(ai.length, end));
  if (!element.ok) return element;
  // Some printers close elements of fixed length too.
  const rest = text.slice(end);
  return ok({ element: element.value, rest: rest.startsWith(groupSeparator) ? rest.slice(1) : rest });
}

function separatorIn(text: string): number {
  const at = text.indexOf(groupSeparator);
  return at < 0 ? text.length : at;
}

function checkedElement(ai: string, value: string): Result<Gs1Element> {
  if (!/^\d{2,4}$/.test(ai)) return malformed('it has no application identifier where one must be');
  const wanted = fixedLengths[ai.slice(0, 2)];
  if (wanted !== undefined && ai.length + value.length !== wanted) return malformed(`(${ai}) has a wrong length`);
  if (value === '' || value.length > maxValue) return malformed(`(${ai}) is empty or too long`);
  return ok({ ai, value });
}

const malformed = (reason: string): Result<never> => failed(scanFault('scan-gs1-malformed', { reason }));
