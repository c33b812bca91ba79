import { describe, expect, it } from 'vitest';
import { must } from '../lib/base/result.ts';
import { parseStationArgs, stationOptions } from './config.ts';
import { stationUsage } from './usage.ts';

const service = ['--connection-string', 'HostName=dps.test;SharedAccessKeyName=owner;SharedAccessKey=AAAA'];

describe('the configuration of a station', () => {
  it('has every option on its page, which npm start goes by as well', () => {
    const refused = (option: string) => {
      const parsed = parseStationArgs(['--data', 'd', option, 'x']);
      return !parsed.ok && parsed.fault.code === 'option-unknown';
    };
    const named = new Set(stationUsage.match(/--[a-z][a-z-]*/g));
    expect([...named].filter(refused)).toEqual([]);
    expect(stationOptions.filter((option) => !named.has(`--${option}`))).toEqual([]);
  });

  it('takes a place in the USB tree, a port by its name, and a device server by its host and port', () => {
    const given = ['1=tcp:[::1]:4001', '2=serial:p=q', '3=usb:1-2.3:1.0'].flatMap((slot) => ['--slot', slot]);
    expect(must(parseStationArgs(['--data', 'd', ...given])).slot).toEqual([
      { slot: 1, address: 'tcp:[::1]:4001' },
      { slot: 2, address: 'serial:p=q' },
      { slot: 3, address: 'usb:1-2.3:1.0' },
    ]);
  });

  it.each([
    ['a device server without a port', ['--slot', '1=tcp:server']],
    ['a place that is none', ['--slot', '1=usb:']],
    ['a kind of port that is none', ['--slot', '1=com:3']],
    ['two ports for one slot', ['--slot', '1=serial:a', '--slot', '1=serial:b']],
    ['one port for two slots', ['--slot', '1=usb:1-2:1.0', '--slot', '2=usb:1-2:1.0']],
    ['a seventeenth slot', ['--slot', '17=serial:a']],
    ['a port that is none', ['--slot', '1=tcp:server:70000']],
    ['an empty id scope', [...service, '--id-scope', '', '--endpoint', 'dps.test']],
    ['an empty endpoint', [...service, '--id-scope', '0ne', '--endpoint', '']],
    ['an endpoint that is a URL', [...service, '--id-scope', '0ne', '--endpoint', 'https://dps.test']],
    ['an address to listen on that is none', ['--listen', '999.1.1.1']],
    ['an empty data folder', ['--data', '']],
  ])('refuses %s', (_what, args) => {
    expect(parseStationArgs(['--data', 'd', ...args])).toMatchObject({ ok: false, fault: { code: 'option-wrong' } });
  });
});
