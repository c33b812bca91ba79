import { describe, expect, it } from 'vitest';
import { must } from '../lib/base/result.ts';
import { parseAgentOptions } from './options.ts';
import { parsePlantedFaults, plantedFaultNames } from './planted-faults.ts';

const needed = ['--state', 'dir', '--serial-number', 'SN', '--attestation', 'x509'];
const parse = (...words: readonly string[]) => parseAgentOptions([...needed, ...words]);
const codeOf = (...words: readonly string[]): string => {
  const parsed = parseAgentOptions(words);
  return parsed.ok ? 'no fault' : parsed.fault.code;
};

describe('the command line of the agent', () => {
  it.each([
    ['pty', { at: 'pty', linkPath: undefined }],
    ['pty:/run/unit-1', { at: 'pty', linkPath: '/run/unit-1' }],
    ['tcp:127.0.0.1:0', { at: 'tcp', host: '127.0.0.1', port: 0 }],
    ['tcp:[::1]:4000', { at: 'tcp', host: '::1', port: 4000 }],
    ['serial:/dev/ttyUSB0', { at: 'serial', path: '/dev/ttyUSB0' }],
  ])('takes %s as a port', (text, port) => {
    expect(must(parse('--port', text)).port).toEqual(port);
  });

  it.each(['', 'tcp:host', 'tcp::1', 'tcp:host:70000', 'serial:', 'usb:1'])('refuses %j as a port', (text) => {
    expect(codeOf(...needed, '--port', text)).toBe('agent-option-wrong');
  });

  it('takes what is usual for everything that is left out', () => {
    const options = must(parse('--port', 'pty'));
    expect(options).toMatchObject({ tpm: { at: 'swtpm' }, mqttsPort: 8883, faults: {}, caFile: undefined });
    expect(options.keyAlgorithms).toEqual(['p256', 'p384', 'rsa2048']);
  });

  it('takes each TPM, one key kind, and its ports', () => {
    const words = ['--port', 'pty', '--key', 'rsa2048', '--mqtts-port', '18883'];
    expect(must(parse(...words, '--tpm', 'device:/dev/tpmrm0'))).toMatchObject({
      tpm: { at: 'device', path: '/dev/tpmrm0' },
      keyAlgorithms: ['rsa2048'],
      mqttsPort: 18883,
    });
    expect(must(parse(...words, '--tpm', 'software')).tpm).toEqual({ at: 'software' });
  });

  it('says which option is missing, unknown or wrong', () => {
    expect(codeOf()).toBe('agent-option-missing');
    expect(codeOf(...needed)).toBe('agent-option-missing');
    expect(codeOf(...needed, '--port', 'pty', '--colour', 'red')).toBe('agent-option-unknown');
    expect(codeOf(...needed, '--port', 'pty', 'stray')).toBe('agent-option-unknown');
    for (const [option, value] of [
      ['tpm', 'device:'],
      ['key', 'dsa'],
      ['mqtts-port', '0'],
      ['attestation', 'magic'],
      ['fault', 'fire'],
    ]) {
      expect(codeOf(...needed, '--port', 'pty', `--${option}`, String(value))).toBe('agent-option-wrong');
    }
  });
});

describe('planted faults', () => {
  it('are read by name, with a number, a text or nothing', () => {
    const faults = must(parsePlantedFaults(['tpm-delay=15000', 'csr-name=a=b', 'no-serial']));
    expect(faults).toEqual({ tpmDelayMs: 15_000, csrName: 'a=b', noSerial: true });
  });

  it.each(['drop-reply', 'tpm-delay=', 'tpm-delay=fast', 'tpm-delay=1234567', 'no-serial=1', 'csr-name=', 'toString'])(
    'are refused as %j, and the names are told',
    (word) => {
      const parsed = parsePlantedFaults([word]);
      expect(parsed.ok).toBe(false);
      expect(JSON.stringify(parsed)).toContain(plantedFaultNames.join(', '));
    },
  );
});
