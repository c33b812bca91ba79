/** What a station does while its service is not there: at a first start, at a later one, and when it is stopped meanwhile. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { type LoopbackBlock, claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import type { SlotView } from '../../src-main/contract/views.ts';
import { type StationClient, startStation } from '../../src-main/cli/station-client.ts';
import { eventually } from './support/station-bed.ts';

const entry = join(import.meta.dirname, '../../src-main/station/main.ts');

let folder: string;
let block: LoopbackBlock;
beforeAll(async () => {
  block = must(claimLoopbackBlock());
  folder = await mkdtemp(join(tmpdir(), 'benchline-start-'));
});
afterAll(async () => {
  block.release();
  await rm(folder, { recursive: true, force: true });
});

function start(data: string, units: number): { readonly station: StationClient; readonly printed: () => string } {
  const lines: string[] = [];
  const words = ['--data', data, '--virtual-units', String(units), '--tpm', 'software', '--attestation', 'tpm'];
  const args = [entry, ...words, '--listen', `${block.base}.1`];
  const station = startStation({ command: process.execPath, args, onLine: (line) => lines.push(line) });
  return { station, printed: () => lines.slice(-40).join('\n') };
}

async function verdictOf(station: StationClient, slot: number, printed: () => string): Promise<SlotView['run']> {
  const ready = async (): Promise<SlotView | undefined> => must(await station.call('bench.get', {})).slots[slot - 1];
  await eventually(async () => ((await ready())?.port.state === 'ready' ? true : undefined), printed);
  const serial = (await ready())?.virtualSerialNumber ?? '';
  must(await station.call('bench.scan', { text: serial, slot }));
  return eventually(async () => {
    const run = (await ready())?.run;
    return run?.serialNumber === serial && run.state !== 'working' ? run : undefined;
  }, printed);
}

const faultOf = (station: StationClient, printed: () => string) =>
  eventually(async () => must(await station.call('station.get', {})).target.fault, printed);

/** The service finds no place for its files: it dies at every start. */
async function breakService(data: string): Promise<void> {
  await rm(join(data, 'service', 'service'), { recursive: true, force: true });
  await mkdir(join(data, 'service'), { recursive: true });
  await writeFile(join(data, 'service', 'service'), 'no folder');
}

describe('a station whose embedded service does not start', () => {
  it('says so, and does not wait a minute for it', async () => {
    const data = join(folder, 'first');
    await breakService(data);
    const { station, printed } = start(data, 1);
    expect(await faultOf(station, printed)).toMatchObject({ code: 'program-ended' });
    await station.stop();
  });

  it('goes on with what an earlier start knew', async () => {
    const data = join(folder, 'later');
    const first = start(data, 1);
    expect(await verdictOf(first.station, 1, first.printed)).toMatchObject({ state: 'pass' });
    await first.station.stop();
    const kept = JSON.parse(await readFile(join(data, 'target.json'), 'utf8')) as { idScope: string };
    await breakService(data);
    const { station, printed } = start(data, 2);
    expect(await faultOf(station, printed)).toMatchObject({ code: 'program-ended' });
    expect(await verdictOf(station, 2, printed)).toMatchObject({ state: 'pass' });
    expect(kept.idScope).not.toBe('');
    const view = must(await station.call('station.get', {}));
    expect(view.target).toMatchObject({ state: 'offline', fault: { code: 'program-ended' } });
    expect(view.fault).toBeUndefined();
    await station.stop();
  });

  it('ends at once when it is stopped before anything came up', async () => {
    const { station } = start(join(folder, 'stopped'), 2);
    must(await station.call('station.get', {}));
    await station.stop();
    expect(await station.ended).toBe(0);
  });
});
