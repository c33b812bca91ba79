import { describe, expect, it } from 'vitest';
import { parseHostPort } from './host-port.ts';

describe('a host with its port', () => {
  it.each([
    ['global.azure-devices-provisioning.net', { host: 'global.azure-devices-provisioning.net', port: undefined }],
    ['127.100.0.1:443', { host: '127.100.0.1', port: 443 }],
    ['[::1]:8883', { host: '::1', port: 8_883 }],
    ['[fe80::1]', { host: 'fe80::1', port: undefined }],
  ])('is read: %s', (text, expected) => {
    expect(parseHostPort(text)).toEqual(expected);
  });

  it.each(['', ':443', 'host:', 'host:0', 'host:65536', '::1:443', '[::1', 'a b:1', 'https://host:1', 'host:1:2'])(
    'is refused: %j',
    (text) => {
      expect(parseHostPort(text)).toBeUndefined();
    },
  );
});
