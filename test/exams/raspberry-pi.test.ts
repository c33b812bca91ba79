/** The files that make a board of a Raspberry Pi: what systemd reads is what we mean, and every path is one of ours. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAgentOptions } from '../../src-main/agent/options.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { boardCommand, readUnitFile } from '../flows/support/board-unit.ts';

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

describe('the unit file of the agent', () => {
  const unit = readUnitFile();

  it('starts a program of ours with options that it takes', () => {
    const words = boardCommand({ state: '/var/lib', root: '/opt/benchline' });
    expect(words.slice(0, 2)).toEqual(['/usr/bin/node', '/opt/benchline/src-main/agent/main.ts']);
    const options = must(parseAgentOptions(words.slice(2)));
    expect(options).toMatchObject({
      port: { at: 'serial', path: '/dev/serial0' },
      tpm: { at: 'device', path: '/dev/tpmrm0' },
      attestation: 'tpm',
      stateFolder: '/var/lib/benchline-agent',
    });
    expect(existsSync(boardCommand({ state: '/s', root: join(import.meta.dirname, '../..') })[1] ?? '')).toBe(true);
  });

  it('runs without rights of its own, keeps its state, and is started again whatever happens', () => {
    expect(unit.get('DynamicUser')).toBe('yes');
    expect(unit.get('SupplementaryGroups')).toBe('tss dialout');
    expect(unit.get('StateDirectory')).toBe('benchline-agent');
    expect(unit.get('NoNewPrivileges')).toBe('yes');
    expect(unit.get('ProtectSystem')).toBe('strict');
    expect(unit.get('CapabilityBoundingSet')).toBe('');
    expect(unit.get('Restart')).toBe('always');
    expect(unit.get('StartLimitIntervalSec')).toBe('0');
  });

  it('fixes no list of devices: a port or a TPM may come after the start', () => {
    const fixing = ['DevicePolicy', 'DeviceAllow', 'PrivateDevices', 'ProtectClock', 'MemoryDenyWriteExecute'];
    expect(fixing.filter((name) => unit.has(name))).toEqual([]);
  });

  it.skipIf(!hasSystemd)('is taken by systemd without a word (needs systemd-analyze)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'benchline-unit-'));
    const file = join(folder, 'benchline-agent.service');
    // It looks for the program: here Node lies elsewhere.
    writeFileSync(file, unit.text.replace('/usr/bin/node', process.execPath));
    const verified = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    expect([verified.status, verified.stderr.split('\n').filter((line) => line.includes('benchline'))]).toEqual([
      0,
      [],
    ]);
  });

  it('is explained, with its settings and its udev rule, on one page', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/raspberry-pi.md'), 'utf8');
    for (const file of ['benchline-agent.service', 'agent.env', '60-benchline-tpm.rules']) expect(page).toContain(file);
    for (const code of ['tpm-device-missing', 'tpm-device-denied', 'port-missing', 'port-denied']) {
      expect(page, code).toContain(code);
    }
  });
});
