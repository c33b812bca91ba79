import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AmqpMessage } from '../lib/listen/amqp.ts';
import { deviceOfMessageAddress, parseLinkAddress } from './amqp-address.ts';
import { methodCallOut, methodReplyOf } from './amqp-message-form.ts';

const ids = fc.stringMatching(/^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/);
const hosts = fc.constantFrom('', 'amqps://hub.example', 'AMQPS://127.100.7.11:5671');

describe('the link addresses of a hub', () => {
  it('are read with and without a host, whatever the device id is', () => {
    const paths = [
      ['messages/events', 'telemetry'],
      ['messages/deviceBound', 'messages'],
      ['methods/devicebound', 'methods'],
      ['twin', 'twin'],
    ] as const;
    fc.assert(
      fc.property(
        hosts,
        ids,
        fc.constantFrom(...paths),
        fc.constantFrom('', '/'),
        (host, deviceId, [path, is], end) => {
          const text = `${host}/devices/${encodeURIComponent(deviceId)}/${path}${end}`;
          expect(parseLinkAddress(text)).toEqual({ is, deviceId });
          expect(deviceOfMessageAddress(text)).toBe(is === 'messages' ? deviceId : undefined);
        },
      ),
      { numRuns: 200 },
    );
    expect(['$cbs', '/$cbs', 'amqps://hub/$cbs'].map(parseLinkAddress)).toEqual([{ is: 'claims' }, { is: 'claims' }, { is: 'claims' }]); // prettier-ignore
    expect(parseLinkAddress('/messages/deviceBound')).toEqual({ is: 'service-messages' });
  });

  it.each(['', '/', '$cbs/x', '/devices//twin', '/devices/a/b/twin', '/devices/%zz/twin', '/devices/a/modules/m/twin'])(
    'are not %j',
    (text) => {
      expect(parseLinkAddress(text)).toBeUndefined();
    },
  );

  it('never throw, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 1_100 }), (text) => {
        const address = parseLinkAddress(text);
        expect(address === undefined || address.is.length > 0).toBe(true);
      }),
    );
  });
});

describe('the id of a method call', () => {
  const answer = (correlationId: AmqpMessage['correlationId']): AmqpMessage => ({
    messageId: undefined,
    correlationId,
    properties: new Map(),
    annotations: new Map(),
    application: new Map([['IoThub-status', 200]]),
    body: { is: 'none' },
  });

  it('goes out as a uuid and comes back as the id it was, as a uuid or as its text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{16}$/), (requestId) => {
        const { correlationId } = methodCallOut({ requestId, methodName: 'm', payload: new Uint8Array() });
        expect(correlationId?.type).toBe('uuid');
        expect(methodReplyOf(answer(correlationId))?.requestId).toBe(requestId);
        const text = correlationId?.text.toUpperCase() ?? '';
        expect(methodReplyOf(answer({ type: 'string', text }))?.requestId).toBe(requestId);
      }),
    );
    expect(methodReplyOf(answer(undefined))).toBeUndefined();
    expect(methodReplyOf(answer({ type: 'uuid', text: '00000000-0000-0000-0000-000000000000' }))).toBeUndefined();
  });
});
