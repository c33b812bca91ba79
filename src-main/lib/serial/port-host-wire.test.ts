import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../base/bytes.ts';
import { serialFault } from './faults.ts';
import {
  createMessageReader,
  decodeFault,
  decodeProfile,
  encodeJson,
  encodeMessage,
  maxPayloadBytes,
  messageTypes,
} from './port-host-wire.ts';

describe('messages between station and port host', () => {
  it('come back whole wherever the pipe cuts them', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(bodies, fc.nat(250), (payloads, cut) => {
        const bytes = concatBytes(...payloads.map((payload, at) => encodeMessage(messageTypes.data, at, payload)));
        const reader = createMessageReader();
        const read = [reader.push(bytes.subarray(0, cut)), reader.push(bytes.subarray(cut))].flatMap(
          (part) => part ?? [],
        );
        expect(read.map(({ port, payload }) => [port, [...payload]])).toEqual(
          payloads.map((payload, at) => [at, [...payload]]),
        );
      }),
      { numRuns: 100 },
    );
  });
  it('of an unknown type or beyond the bound are no messages', () => {
    expect(createMessageReader().push(Uint8Array.of(77, 0, 0, 0, 0, 0))).toBeUndefined();
    const tooLong = encodeMessage(messageTypes.data, 1, new Uint8Array(maxPayloadBytes + 1));
    expect(createMessageReader().push(tooLong.subarray(0, 6))).toBeUndefined();
  });
  it('carry profiles and faults, and nothing that is neither', () => {
    const profile = {
      path: '/p',
      baudRate: 9_600,
      rtscts: true,
      hangUpOnClose: false,
      dtr: true,
      rts: false,
      lowLatency: true,
    };
    expect(decodeProfile(encodeJson(profile))).toEqual(profile);
    expect(decodeProfile(utf8('{"baudRate":1}'))).toBeUndefined();
    expect(decodeProfile(utf8('nothing'))).toBeUndefined();
    const fault = serialFault('port-busy', { path: '/p' });
    expect(decodeFault(encodeJson(fault))).toMatchObject({ code: 'port-busy', say: fault.say });
    expect(decodeFault(utf8('{"code":1}'))).toBeUndefined();
  });
});
