import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { must } from '../lib/base/result.ts';
import type { JsonObject } from './json.ts';
import { parseTwinQuery } from './twin-query.ts';

const twin: JsonObject = {
  deviceId: 'press-7',
  status: 'enabled',
  connectionState: 'Connected',
  tags: { site: 'b2', line: { number: 7, hot: true }, note: "it's", none: null },
};

function fits(where: string): boolean {
  return must(parseTwinQuery(`SELECT * FROM devices WHERE ${where}`)).fits(twin);
}

describe('a query of twins', () => {
  it.each(['SELECT * FROM devices', ' select  *\nfrom devices ; '])('finds all of them by %j', (text) => {
    expect(must(parseTwinQuery(text)).fits(twin)).toBe(true);
  });

  it.each([
    ["deviceId = 'press-7'", true],
    ["deviceid='press-8'", false],
    ['status = \'enabled\' AND connectionState = "Connected"', true],
    ["status = 'enabled' and status != 'enabled'", false],
    ["tags.site = 'b2'", true],
    ["tags.site <> 'b2'", false],
    ['tags.line.number = 7 AND tags.line.hot = true AND tags.none = null', true],
    ["tags.line.number = '7'", false],
    ["tags.site IN ['a', 'b2']", true],
    ["tags.site IN ['a']", false],
    ["tags.note = 'it\\'s'", true],
    ["tags.absent = 'x'", false],
    ["tags.absent != 'x'", false],
    ["tags.constructor != 'x'", false],
  ])('%s: %s', (where, expected) => {
    expect(fits(where)).toBe(expected);
  });

  it('knows when it is of one device', () => {
    const text = "SELECT * FROM devices WHERE tags.site = 'b2' AND deviceId = 'press-7'";
    expect(must(parseTwinQuery(text)).deviceId).toBe('press-7');
  });

  it.each([
    '',
    'SELECT deviceId FROM devices',
    'SELECT * FROM devices.jobs',
    'SELECT * FROM devices LIMIT 3',
    'SELECT * FROM devices WHERE',
    "SELECT * FROM devices WHERE tags.site = 'b2' OR tags.site = 'b3'",
    'SELECT * FROM devices WHERE properties.reported.fw = 1',
    'SELECT * FROM devices WHERE tags = 1',
    'SELECT * FROM devices WHERE tags.site > 1',
    'SELECT * FROM devices WHERE tags.site = other',
    'SELECT * FROM devices WHERE tags.site = ',
    "SELECT * FROM devices WHERE tags.site IN ['a' 'b']",
    "SELECT * FROM devices WHERE tags.site IN ['a'",
    'SELECT * FROM devices WHERE is_defined(tags.site)',
    `SELECT * FROM devices WHERE ${Array.from({ length: 17 }, () => 'tags.a = 1').join(' AND ')}`,
    `SELECT * FROM devices WHERE tags.a = '${'x'.repeat(4_096)}'`,
  ])('is refused with a code as %j', (text) => {
    expect(parseTwinQuery(text)).toMatchObject({ fault: { code: 'ArgumentInvalid' } });
  });

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('SELECT', '*', 'FROM', 'devices', 'WHERE', 'tags.a', '=', "'", '[', 'AND', 'x')),
        fc.string(),
        (words, tail) => {
          const parsed = parseTwinQuery(`${words.join(' ')} ${tail}`);
          return typeof parsed.ok === 'boolean';
        },
      ),
    );
    expect(parseTwinQuery('SELECT').ok).toBe(false);
  });
});
