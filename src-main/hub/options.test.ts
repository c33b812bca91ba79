import { describe, expect, it } from 'vitest';
import { parseHubOptions } from './options.ts';

const needed = ['--data', 'd', '--tls-dir', 't', '--ready-file', 'r', '--listen', '127.77.0.11'];

describe('the hub program’s options', () => {
  it('gives each hub the next address, which is its name unless one is given', () => {
    const options = parseHubOptions([...needed, '--hubs', '3', '--host-names', 'Hub-A.example']);
    expect(options).toMatchObject({
      ok: true,
      value: {
        ports: { https: 443, mqtts: 8883, amqps: 5671 },
        places: [
          { number: 1, address: '127.77.0.11', hostName: 'hub-a.example' },
          { number: 2, address: '127.77.0.12', hostName: '127.77.0.12' },
          { number: 3, address: '127.77.0.13', hostName: '127.77.0.13' },
        ],
      },
    });
  });

  it('takes a fault for each hub to begin with', () => {
    const options = parseHubOptions([...needed, '--faults', '1=down,2=slow:50']);
    expect(options.ok && [...options.value.faults]).toMatchObject([
      [1, { fault: { is: 'down' } }],
      [2, { fault: { is: 'slow', delayMs: 50 } }],
    ]);
  });

  it.each([
    ['nothing at all', [], 'hub-option-missing'],
    ['an option it does not know', [...needed, '--colour', 'red'], 'hub-option-unknown'],
    ['a fault of a hub that is not there', [...needed, '--faults', '3=down'], 'hub-option-wrong'],
    ['a fault that is none', [...needed, '--faults', '1=sleepy'], 'hub-option-wrong'],
    ['no hub', [...needed, '--hubs', '0'], 'hub-option-wrong'],
    ['half a hub', [...needed, '--hubs', '1.5'], 'hub-option-wrong'],
    ['a port beyond the last', [...needed, '--mqtts', '65536'], 'hub-option-wrong'],
    ['an address without room after it', [...needed, '--listen', '127.77.0.254', '--hubs', '2'], 'hub-option-wrong'],
    ['a name as an address', [...needed, '--listen', 'localhost'], 'hub-option-wrong'],
    ['more names than hubs', [...needed, '--hubs', '1', '--host-names', 'a,b'], 'hub-option-wrong'],
  ])('refuses %s', (_why, args, code) => {
    expect(parseHubOptions(args)).toMatchObject({ ok: false, fault: { code } });
  });
});
