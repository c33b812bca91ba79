import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../lib/base/bytes.ts';
import { parseDeviceAddress, sameDevice } from './device-address.ts';
import { parseTpmInit, payloadOf, tpmSegments } from './tpm-segments.ts';

const ids = fc.stringMatching(/^[A-Za-z0-9\-._:]{0,127}[A-Za-z0-9-]$/);

describe('the address of a device', () => {
  it('is read in the three spellings, with any host and in any case', () => {
    const spellings = fc.constantFrom(
      (plain: string) => plain,
      (plain: string) => `/${plain}`,
      (plain: string) => `amqps://global.azure-devices-provisioning.net/${plain}`,
      (plain: string) => `AMQPS://127.100.7.1:5671/${plain}/`,
    );
    fc.assert(
      fc.property(
        ids,
        ids,
        fc.constantFrom('registrations', 'Registrations'),
        spellings,
        (idScope, id, word, spell) => {
          const address = parseDeviceAddress(spell(`${idScope}/${word}/${id}`));
          expect(address).toEqual({ idScope, registrationId: id });
          const upper = { idScope: idScope.toUpperCase(), registrationId: id.toLowerCase() };
          expect(address !== undefined && sameDevice(address, upper)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each(['', '/', 'a/registrations', 'a/registrations/', 'a/registrations/b/c', 'a/devices/b', '//registrations/b', 'amqps://a/registrations/b', 'a/registrations/%zz', `a/registrations/${'b'.repeat(1_024)}`])(
    'is not %j',
    (text) => {
      expect(parseDeviceAddress(text)).toBeUndefined();
    },
  ); // prettier-ignore
});

describe('the bytes of SASL TPM', () => {
  it('[rule 8] give a blob in exactly two segments, 80 and C1, each within a frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 940 }), (blob) => {
        const [first, second] = tpmSegments(blob)!;
        expect([first[0], second[0]]).toEqual([0x80, 0xc1]);
        expect(Math.max(first.length, second.length)).toBeLessThanOrEqual(471);
        expect(concatBytes(first.subarray(1), second.subarray(1))).toEqual(blob);
      }),
      { numRuns: 200 },
    );
    expect([tpmSegments(new Uint8Array(941)), tpmSegments(new Uint8Array(1))]).toEqual([undefined, undefined]);
  });

  it('are read back as they were written, whatever bytes the key has', () => {
    fc.assert(
      fc.property(ids, ids, fc.uint8Array({ minLength: 1, maxLength: 320 }), (idScope, registrationId, key) => {
        const zero = Uint8Array.of(0);
        const init = concatBytes(zero, utf8(idScope), zero, utf8(registrationId), zero, key);
        expect(parseTpmInit(init)).toEqual({ idScope, registrationId, endorsementKey: key });
        expect(parseTpmInit(concatBytes(Uint8Array.of(0xd0), init.subarray(1)))).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it('are refused when a part is missing or another byte leads, and nothing throws', () => {
    for (const text of [
      '',
      '\0',
      '\0scope',
      '\0scope\0id',
      '\0scope\0id\0',
      '\0\0id\0k',
      '\0scope\0\0k',
      'x\0scope\0id\0k',
    ]) {
      expect(parseTpmInit(utf8(text))).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const init = parseTpmInit(bytes);
        expect(init === undefined || bytes[0] === 0).toBe(true);
        expect(payloadOf(bytes) === undefined || bytes[0] === 0).toBe(true);
      }),
    );
  });
});
