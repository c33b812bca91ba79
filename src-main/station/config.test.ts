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

  it('takes a device server by its host and port', () => {
    const { slot } = must(parseStationArgs(['--data', 'd', '--slot', '1=tcp:[::1]:4001', '--slot', '2=serial:p']));
    expect(slot).toEqual([
      { slot: 1, kind: 'tcp', address: '[::1]:4001' },
      { slot: 2, kind: 'serial', address: 'p' },
    ]);
  });

  it.each([
    ['a device server without a port', ['--slot', '1=tcp:server']],
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
