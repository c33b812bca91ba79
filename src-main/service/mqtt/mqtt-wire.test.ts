import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../lib/base/bytes.ts';
import { must } from '../../lib/base/result.ts';
import { registrationIn } from '../core/registration-body.ts';
import { asciiJson } from './json-body.ts';
import { parseRequestTopic, responseTopic } from './topics.ts';
import { parseUserName } from './user-name.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const idCharacters = fc.constantFrom(...Array.from('abcXYZ019-._:'));
const anyId = fc.array(idCharacters, { minLength: 1, maxLength: 128 }).map((letters) => letters.join(''));
const apiVersion = fc.constantFrom('2017-08-31-preview', '2019-03-31', '2021-06-01', '2026-04-01');

// Half surrogates too. fast-check's own alphabet of all characters takes seconds to set up on a busy machine.
const anyUnit = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));

describe('the user name', () => {
  it('names scope, device and version, however it is encoded and whatever follows', () => {
    const more = fc.string({ maxLength: 200 }).map((value) => `&ClientVersion=${value.replaceAll('&', '/')}`);
    fc.assert(
      fc.property(fc.tuple(anyId, anyId, apiVersion), more, fc.boolean(), ([scope, id, version], rest, encoded) => {
        const spell = (part: string): string => (encoded ? encodeURIComponent(part) : part);
        const name = `${spell(scope)}/registrations/${spell(id)}/api-version=${version}${rest}`;
        expect(parseUserName(name)).toEqual({ idScope: scope, registrationId: id, apiVersion: version });
      }),
    );
  });

  it('is never an error, whatever it is, and never a device without a name', () => {
    const near = fc
      .array(fc.constantFrom('0ne', '/', 'registrations', 'dev', 'api-version=', '1', '&', '%', '%2F', '?', '\u0000'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: anyUnit, maxLength: 60 }), near), (name) => {
        const named = parseUserName(name);
        if (named !== undefined) expect([named.idScope, named.registrationId]).not.toContain('');
        expect(['object', 'undefined']).toContain(typeof named);
      }),
    );
  });

  it('is refused when it is longer than any real one', () => {
    expect(parseUserName(`0ne/registrations/d/api-version=1&x=${'y'.repeat(1_024)}`)).toBeUndefined();
  });
});

describe('the topics', () => {
  const requestId = fc
    .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 })
    .map((id) => id.replaceAll('&', '-'));
  const extra = fc.constantFrom('', '&forceRegistration=true', '&a=b&c');

  it('give the request id back byte for byte, first, and one retry-after at the most', () => {
    fc.assert(
      fc.property(requestId, extra, fc.option(fc.integer({ min: 1, max: 300 })), (id, rest, wait) => {
        const asked = parseRequestTopic(`$dps/registrations/PUT/iotdps-register/?$rid=${id}${rest}`);
        expect(asked).toEqual({ is: 'register', requestId: id });
        const topic = responseTopic(202, id, wait ?? undefined);
        expect(topic.startsWith(`$dps/registrations/res/202/?$rid=${id}`)).toBe(true);
        expect(topic.slice(`$dps/registrations/res/202/?$rid=${id}`.length)).toBe(
          wait === null ? '' : `&retry-after=${wait}`,
        );
      }),
    );
  });

  it('of a poll name an operation, wherever it stands', () => {
    fc.assert(
      fc.property(requestId, anyId, fc.boolean(), (id, operationId, isFirst) => {
        const parts = [`operationId=${operationId}`, `$rid=${id}`];
        const query = (isFirst ? parts : parts.reverse()).join('&');
        const topic = `$dps/registrations/GET/iotdps-get-operationstatus/?${query}`;
        expect(parseRequestTopic(topic)).toEqual({ is: 'poll', requestId: id, operationId });
      }),
    );
  });

  it('are never an error, and never a request without an id', () => {
    const near = fc
      .array(fc.constantFrom('$dps/registrations/', 'PUT/iotdps-register/?', '$rid=', 'x', '&', 'operationId=', '='))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 300 }), near), (topic) => {
        const asked = parseRequestTopic(topic);
        expect(asked?.requestId).not.toBe('');
        expect(asked === undefined || topic.includes(`$rid=${asked.requestId}`)).toBe(true);
      }),
    );
  });
});

describe('the bodies', () => {
  it('go out as ASCII and mean what they meant', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: anyUnit }), (value) => {
        const bytes = asciiJson(value);
        expect(bytes.every((byte) => byte < 0x80)).toBe(true);
        expect(JSON.stringify(JSON.parse(text(bytes)))).toBe(JSON.stringify(value));
      }),
    );
    expect(text(asciiJson({ ort: 'Würzburg 🏭' }))).toBe('{"ort":"W\\u00fcrzburg \\ud83c\\udfed"}');
  });

  it.each(['', ' ', '\n', 'null', '{}'])('[rule 19] %j is a registration without anything of its own', (body) => {
    expect(must(registrationIn(utf8(body)))).toEqual({});
  });

  it('come in as anything and are never an error of ours', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(utf8)), (payload) => {
        const body = registrationIn(payload);
        expect(body.ok || body.fault.code === 'invalid').toBe(true);
      }),
    );
  });
});
