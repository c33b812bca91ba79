import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CloudMessage } from './cloud-message.ts';
import {
  cloudMessageTopic,
  deviceOfUserName,
  maySubscribeTo,
  modelOfUserName,
  parsePublish,
  twinResponseTopic,
} from './device-topics.ts';

const emptyMessage: CloudMessage = {
  ...{ sequence: 1, messageId: 'm', ack: 'none', enqueuedMs: 0, expiresMs: undefined, deliveryCount: 1 },
  ...{ system: {}, properties: {}, payload: new Uint8Array() },
};

describe('what a device publishes', () => {
  it.each([
    ['devices/d-1/messages/events/', {}, {}],
    ['devices/d-1/messages/events', {}, {}],
    ['devices/d%2D1/messages/events/', {}, {}],
    [
      'devices/d-1/messages/events/a%20b=c%26d&$.ct=application%2Fjson&%24.mid=m1&$.own=x&flag',
      { 'a b': 'c&d', '$.own': 'x', flag: '' },
      { contentType: 'application/json', messageId: 'm1' },
    ],
  ])('takes %s as telemetry, with the properties that Azure names apart', (topic, properties, system) => {
    expect(parsePublish('d-1', topic)).toEqual({ to: 'telemetry', properties, system });
  });

  it('finds the request id of twin calls wherever it stands', () => {
    expect(parsePublish('d-1', '$iothub/twin/GET/?$rid=7')).toEqual({ to: 'twin-get', requestId: '7' });
    expect(parsePublish('d-1', '$iothub/twin/PATCH/properties/reported/?$version=2&$rid=a-b')).toEqual({
      to: 'twin-report',
      requestId: 'a-b',
    });
  });

  it.each([
    'devices/other/messages/events/',
    'devices/d-1/messages/events/%zz=1',
    'devices/d-1/messages/devicebound/x',
    '$iothub/twin/GET/',
    '$iothub/twin/GET/?$rid=',
    `$iothub/twin/GET/?$rid=${'x'.repeat(129)}`,
    '$iothub/twin/DELETE/?$rid=1',
    '$SYS/x',
    '',
  ])('refuses %s', (topic) => {
    expect(parsePublish('d-1', topic)).toBeUndefined();
  });
});

describe('what a device subscribes to', () => {
  it('is its own and nobody else’s', () => {
    expect(maySubscribeTo('d-1', '$iothub/twin/res/#')).toBe(true);
    expect(maySubscribeTo('d-1', 'devices/d-1/messages/devicebound/#')).toBe(true);
    for (const filter of ['#', '+/x', 'devices/#', 'devices/d-2/messages/devicebound/#', '$SYS/#', '$iothub/#']) {
      expect(maySubscribeTo('d-1', filter)).toBe(false);
    }
  });
});

describe('a message to a device', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 }).map((each) => each.toWellFormed());
  const name = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}$/);

  it('carries its properties so that the same bag is read back as they are', () => {
    fc.assert(
      fc.property(fc.dictionary(name, text), text, text, (properties, messageId, correlationId) => {
        const system = { correlationId };
        const message = { ...emptyMessage, messageId, system, properties };
        const bag = cloudMessageTopic('d-1', message).replace('/devicebound/', '/events/');
        expect(parsePublish('d-1', bag)).toEqual({ to: 'telemetry', system: { messageId, correlationId }, properties });
      }),
    );
  });

  it('keeps the device’s id from being a wildcard', () => {
    expect(cloudMessageTopic('a+b#c%d', emptyMessage)).toBe('devices/a%2Bb%23c%25d/messages/devicebound/%24.mid=m');
  });
});

describe('what a stranger publishes', () => {
  it('is taken or refused, and never throws', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('devices/d-1/messages/events/', '$iothub/methods/res/', '$iothub/twin/GET/?'),
        fc.string(),
        (start, rest) => {
          const parsed = parsePublish('d-1', start + rest);
          expect(parsed === undefined || typeof parsed.to === 'string').toBe(true);
        },
      ),
    );
  });

  it.each([
    ['$iothub/methods/res/200/?$rid=ab12', { to: 'method-answer', requestId: 'ab12', status: 200 }],
    ['$iothub/methods/res/-1/?$rid=ab12', { to: 'method-answer', requestId: 'ab12', status: -1 }],
    ['$iothub/methods/res/200/', undefined],
    ['$iothub/methods/res/two/?$rid=1', undefined],
    ['$iothub/methods/POST/reboot/?$rid=1', undefined],
  ])('%s is %j', (topic, expected) => {
    expect(parsePublish('d-1', topic)).toEqual(expected);
  });
});

describe('names', () => {
  it('are read from every form of the user name', () => {
    expect(deviceOfUserName('hub.example/d-1/?api-version=2021-04-12&DeviceClientType=x%2F1')).toBe('d-1');
    expect(deviceOfUserName('hub.example/d-1/api-version=2016-11-14')).toBe('d-1');
    expect(deviceOfUserName('hub.example/d-1')).toBe('d-1');
    expect(deviceOfUserName('hub.example')).toBeUndefined();
  });

  it('give the model with them', () => {
    const model = 'dtmi:com:example:Thermostat;1';
    expect(modelOfUserName(`h/d/?api-version=2020-09-30&model-id=${encodeURIComponent(model)}`)).toBe(model);
    expect(modelOfUserName(`h/d/api-version=2020-09-30&model-id=${model}`)).toBe(model);
    expect(modelOfUserName('h/d/?api-version=2020-09-30')).toBeUndefined();
    expect(modelOfUserName('h/d')).toBeUndefined();
  });

  it('puts the request id first in a response', () => {
    expect(twinResponseTopic(204, 'r1', 5)).toBe('$iothub/twin/res/204/?$rid=r1&$version=5');
    expect(twinResponseTopic(200, 'r1')).toBe('$iothub/twin/res/200/?$rid=r1');
  });
});
