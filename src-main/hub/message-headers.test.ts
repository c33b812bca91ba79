import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CloudMessage } from './cloud-message.ts';
import { headersOf, propertiesOf } from './message-headers.ts';

const message: CloudMessage = {
  ...{ sequence: 7, messageId: 'm', ack: 'full', enqueuedMs: 0, expiresMs: undefined, deliveryCount: 2 },
  ...{ system: { messageId: 'm', ack: 'full' }, properties: {}, payload: new Uint8Array() },
};

describe('the headers of a message', () => {
  it('carry its properties so that they are read back as they are, and in their spelling', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}$/);
    const value = fc.stringMatching(/^[ -~]{0,30}$/);
    fc.assert(
      fc.property(fc.dictionary(name, value), value, (properties, contentType) => {
        const system = { ...message.system, contentType };
        const headers = Object.entries(headersOf({ ...message, system, properties }, 'lock'));
        expect(propertiesOf(headers)).toEqual({ system, properties });
      }),
    );
  });

  it('name the delivery as IoT Hub does', () => {
    expect(headersOf(message, 'lock')).toMatchObject({
      etag: '"lock"',
      'iothub-sequencenumber': '7',
      'iothub-deliverycount': '1',
      'iothub-enqueuedtime': '1970-01-01T00:00:00.000Z',
    });
  });

  it('hold nothing that a header may not, whatever the message says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const headers = headersOf({ ...message, properties: { kind: value } }, 'lock');
        expect(headers['iothub-app-kind']).toMatch(/^[ -~]*$/);
      }),
    );
  });
});
