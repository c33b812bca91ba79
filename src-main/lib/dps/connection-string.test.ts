import { describe, expect, it } from 'vitest';
import { formatConnectionString, parseConnectionString } from './connection-string.ts';

const key = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';

describe('a connection string', () => {
  it.each([
    [`HostName=a.example.net;SharedAccessKeyName=owner;SharedAccessKey=${key}`, 443],
    [`HostName=127.4.2.1:8443;SharedAccessKeyName=owner;SharedAccessKey=${key}`, 8443],
  ])('reads and writes back %s', (text, port) => {
    const parsed = parseConnectionString(text);
    expect(parsed).toMatchObject({ ok: true, value: { port, keyName: 'owner', key } });
    expect(parsed.ok && formatConnectionString(parsed.value)).toBe(text);
  });

  it('takes its members in any order and case, with spaces around', () => {
    expect(
      parseConnectionString(` sharedaccesskey=${key}; SHAREDACCESSKEYNAME=p ;hostname=Hub-A.Example.Net\n`),
    ).toEqual({ ok: true, value: { host: 'hub-a.example.net', port: 443, keyName: 'p', key } });
  });

  it.each([
    '',
    'HostName=a',
    `HostName=a/b;SharedAccessKeyName=p;SharedAccessKey=${key}`,
    `HostName=a:99999;SharedAccessKeyName=p;SharedAccessKey=${key}`,
    `SharedAccessKeyName=p;SharedAccessKey=${key}`,
    `HostName=a;SharedAccessKey=${key}`,
    'HostName=a;SharedAccessKeyName=p;SharedAccessKey=not base64',
  ])('refuses %j without repeating it', (text) => {
    const parsed = parseConnectionString(text);
    expect(parsed).toMatchObject({ ok: false, fault: { code: 'connection-string-unreadable' } });
    expect(JSON.stringify(parsed)).not.toContain(key);
  });
});
