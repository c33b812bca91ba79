/**
 * The part of IoT Hub's query language that a hub of ours answers (dps-wire 10.1): all devices, or those of which some
 * facts are so. Anything else is refused rather than answered wrongly.
 */
import { failed, ok } from '../lib/base/result.ts';
import type { Outcome } from './device-changes.ts';
import { hubFault } from './hub-fault.ts';
import { isObject, member, type Json, type JsonObject } from './json.ts';

export interface TwinQuery {
  /** When only one device can fit, its id. */
  readonly deviceId: string | undefined;
  /** Every device fits. */
  readonly isOfAll: boolean;
  fits(twin: JsonObject): boolean;
}

interface Condition {
  readonly path: readonly string[];
  readonly is: 'equal' | 'unequal';
  readonly values: readonly Json[];
}

// A query is typed by a person or made by a page; each condition is looked at for each device.
const maxQueryLength = 4_096;
const maxConditions = 16;
const maxPathLength = 11; // tags are ten levels deep

/** Anything else is no field whose meaning here is IoT Hub's. */
const plainFields = ['deviceId', 'status', 'connectionState'];

export function parseTwinQuery(text: string): Outcome<TwinQuery> {
  if (text.length > maxQueryLength) return refused(`it is longer than ${maxQueryLength} characters`);
  const words = wordsOf(text);
  if (words === undefined) return refused('it holds a sign that has no place in a query');
  const [select, star, from, devices, where, ...rest] = words;
  const head = [select, from, devices].map((word) => word?.toLowerCase()).join(' ');
  if (head !== 'select from devices' || star !== '*') return refused('it does not begin with SELECT * FROM devices');
  if (where === undefined) return ok({ deviceId: undefined, isOfAll: true, fits: () => true });
  if (where.toLowerCase() !== 'where') return refused('after devices only WHERE may follow');
  const conditions = conditionsOf(rest);
  if (!conditions.ok) return conditions;
  return ok({
    isOfAll: false,
    deviceId: conditions.value.map(onlyDevice).find((id) => id !== undefined),
    fits: (twin) => conditions.value.every((condition) => holds(condition, twin)),
  });
}

/** Undefined at the first sign that begins no word. */
function wordsOf(text: string): readonly string[] | undefined {
  const word = /\s*(?:('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?)|([A-Za-z_][\w$.-]*)|(<>|!=|[*=[\],]))/y;
  const words: string[] = [];
  const whole = text.replace(/\s*;?\s*$/, '');
  while (word.lastIndex < whole.length) {
    const found = word.exec(whole)?.[0].trim();
    if (found === undefined) return undefined;
    words.push(found);
  }
  return words;
}

function conditionsOf(words: readonly string[]): Outcome<readonly Condition[]> {
  const conditions: Condition[] = [];
  let left = words;
  for (;;) {
    const next = conditionAt(left);
    if (!next.ok) return next;
    conditions.push(next.value.condition);
    const [and, ...rest] = next.value.rest;
    if (and === undefined) return ok(conditions);
    if (and.toLowerCase() !== 'and') return refused('conditions may be joined by AND alone');
    if (conditions.length >= maxConditions) return refused(`it has more than ${maxConditions} conditions`);
    left = rest;
  }
}

interface Parsed {
  readonly condition: Condition;
  readonly rest: readonly string[];
}

function conditionAt([field = '', operator = '', ...rest]: readonly string[]): Outcome<Parsed> {
  const path = pathOf(field);
  if (path === undefined) {
    return refused(`a condition may be on ${plainFields.join(', ')} or tags alone`);
  }
  if (operator.toLowerCase() === 'in') return membership(path, rest);
  const value = literalOf(rest[0]);
  if (!['=', '!=', '<>'].includes(operator)) return refused('a comparison is =, !=, <> or IN [...]');
  if (value === undefined) return refused('a comparison is with a text, a number, true, false or null');
  const is = operator === '=' ? 'equal' : 'unequal';
  return ok({ condition: { path, is, values: [value] }, rest: rest.slice(1) });
}

function membership(path: readonly string[], words: readonly string[]): Outcome<Parsed> {
  const end = words.indexOf(']');
  const inside = words.slice(1, end);
  const values = inside.filter((_word, at) => at % 2 === 0).map((word) => literalOf(word));
  const separated = inside.every((word, at) => at % 2 === 0 || word === ',') && inside.length % 2 === 1;
  if (words[0] !== '[' || end < 0 || !separated || values.includes(undefined)) {
    return refused('IN takes texts or numbers in brackets');
  }
  const known = values.filter((value) => value !== undefined);
  return ok({ condition: { path, is: 'equal', values: known }, rest: words.slice(end + 1) });
}

function pathOf(field: string): readonly string[] | undefined {
  const plain = plainFields.find((name) => name.toLowerCase() === field.toLowerCase());
  if (plain !== undefined) return [plain];
  const [root = '', ...members] = field.split('.');
  const fits = members.length > 0 && members.length <= maxPathLength && !members.includes('');
  return root.toLowerCase() === 'tags' && fits ? ['tags', ...members] : undefined;
}

function literalOf(word: string | undefined): Json | undefined {
  if (word === undefined) return undefined;
  const [, single, double] = /^(?:'(.*)'|"(.*)")$/s.exec(word) ?? [];
  const text = single ?? double;
  if (text !== undefined) return text.replace(/\\(.)/gs, '$1');
  if (/^-?\d/.test(word)) return Number(word);
  const names: Readonly<Record<string, Json>> = { true: true, false: false, null: null };
  return member(names, word.toLowerCase());
}

/** What is not there equals nothing and differs from nothing. */
function holds({ path, is, values }: Condition, twin: JsonObject): boolean {
  let found: Json | undefined = twin;
  for (const name of path) found = isObject(found) ? member(found, name) : undefined;
  if (found === undefined) return false;
  return values.includes(found) === (is === 'equal');
}

function onlyDevice({ path, is, values }: Condition): string | undefined {
  const [value] = values;
  return path[0] === 'deviceId' && is === 'equal' && values.length === 1 && typeof value === 'string'
    ? value
    : undefined;
}

function refused(reason: string): Outcome<never> {
  const whole = `the query cannot be answered: ${reason}`;
  return failed(hubFault('ArgumentInvalid', { reason: whole }));
}
