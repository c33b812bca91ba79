import { describe, expect, it } from 'vitest';
import { deviceOfUserName, maySubscribeTo, modelOfUserName, parsePublish, twinResponseTopic } from './device-topics.ts';

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
