import { describe, expect, it } from 'vitest';
import { readShellArgs } from './shell-args.ts';

const read = (...words: string[]) => readShellArgs(['electron', '.', '--disable-gpu', ...words], {});

describe('the arguments of the shell', () => {
  it('gives the station its data folder and the bench of the demonstration', () => {
    expect(read('--', '--data', '/tmp/line-1')).toEqual({
      dataFolder: '/tmp/line-1',
      stationArgs: ['--data', '/tmp/line-1', '--virtual-units', '4'],
    });
  });

  it('takes nothing before the double dash for its own', () => {
    expect(read('--data=/tmp/theirs', '--', '--data=/tmp/ours').dataFolder).toBe('/tmp/ours');
    expect(read('--data=/tmp/theirs').dataFolder).not.toBe('/tmp/theirs');
  });

  it('passes on what it does not know, and the number of units under its station name', () => {
    const { stationArgs } = read('--', '--data', '/d', '--units', '2', '--attestation', 'tpm');
    expect(stationArgs).toEqual(['--data', '/d', '--virtual-units', '2', '--attestation', 'tpm']);
  });

  it('does not say the number of units twice', () => {
    expect(read('--', '--data', '/d', '--virtual-units', '0').stationArgs).toEqual([
      '--data',
      '/d',
      '--virtual-units',
      '0',
    ]);
  });

  it('leaves the slots to the real ports that are named, unless virtual units are asked for too', () => {
    const slot = ['--slot', '1=serial:/dev/ttyUSB0'];
    expect(read('--', '--data', '/d', ...slot).stationArgs).toEqual(['--data', '/d', ...slot]);
    expect(read('--', '--data', '/d', ...slot, '--units', '2').stationArgs).toContain('--virtual-units');
  });

  it('prefers the option to BENCHLINE_DATA, and that to the data folder of the user', () => {
    const env = { BENCHLINE_DATA: '/from-env', XDG_DATA_HOME: '/share' };
    expect(readShellArgs(['electron', '.', '--', '--data', '/from-option'], env).dataFolder).toBe('/from-option');
    expect(readShellArgs(['electron', '.'], env).dataFolder).toBe('/from-env');
    expect(readShellArgs(['electron', '.'], { XDG_DATA_HOME: '/share' }).dataFolder).toBe('/share/benchline');
  });
});
