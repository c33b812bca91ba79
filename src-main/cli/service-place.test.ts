import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../lib/base/result.ts';
import { claimLoopbackBlock, type LoopbackBlock } from '../lib/listen/loopback.ts';
import { choosePlace, type PlaceWish, type Ports } from './service-place.ts';

let block: LoopbackBlock;
let folder: string;
let holders: Server[];

beforeEach(() => {
  block = must(claimLoopbackBlock());
  folder = mkdtempSync(join(tmpdir(), 'place-'));
  holders = [];
});

afterEach(() => {
  for (const holder of holders) holder.close();
  block.release();
  rmSync(folder, { recursive: true });
});

// Above 1024, so that the tests say the same for every user.
const own: Ports = { https: 20_443, mqtts: 28_883, amqps: 25_671 };

function wish(more: Partial<PlaceWish> = {}): PlaceWish {
  const stateFile = join(folder, 'place.json');
  return { listen: `${block.base}.1`, hubListen: undefined, ports: {}, hubs: 2, stateFile, ...more };
}

function hold(host: string, port: number): Promise<void> {
  const server = createServer();
  holders.push(server);
  return new Promise((resolve) => {
    server.listen({ host, port }, resolve);
  });
}

describe('the place of a service', () => {
  it('has its hubs ten addresses further, and uses the ports it was given', async () => {
    const place = must(await choosePlace(wish({ ports: own })));
    expect(place).toMatchObject({ address: `${block.base}.1`, hubAddress: `${block.base}.11`, ports: own, notes: [] });
  });

  it('takes three other ports when one is held, on any of its addresses, says so, and keeps them', async () => {
    await hold(`${block.base}.12`, 8_883);
    const first = must(await choosePlace(wish()));
    expect(first.ports).toEqual(own);
    expect(first.notes.join(' ')).toContain('Ports 20443, 28883 and 25671 are used instead');
    await hold(`${block.base}.1`, 20_443);
    const second = must(await choosePlace(wish()));
    expect(second.ports).toEqual({ https: 20_444, mqtts: 28_884, amqps: 25_672 });
    holders[1]?.close();
    const third = must(await choosePlace(wish()));
    expect(third.ports).toEqual(second.ports);
  });

  it('keeps its address from one start to the next, and is refused when another run holds it', async () => {
    const address = `${block.base}.1`;
    must(await choosePlace(wish({ ports: own })));
    block.release();
    const again = must(await choosePlace(wish({ listen: undefined, ports: own })));
    expect(again.address).toBe(address);
    expect(await choosePlace(wish({ listen: undefined, ports: own }))).toMatchObject({
      ok: false,
      fault: { code: 'address-taken' },
    });
    again.release();
  });

  it('refuses an address without room for the hubs after it', async () => {
    const tooHigh = await choosePlace(wish({ listen: `${block.base}.245`, ports: own }));
    expect(tooHigh).toMatchObject({ ok: false, fault: { code: 'option-wrong' } });
  });

  it('refuses an address that is not of this machine', async () => {
    expect(await choosePlace(wish({ listen: '192.0.2.9', ports: own }))).toMatchObject({
      ok: false,
      fault: { code: 'address-not-here', detail: { address: '192.0.2.9' } },
    });
  });

  it('says that hubs beside an outside address can be reached from this machine alone', async () => {
    const place = must(await choosePlace(wish({ listen: '0.0.0.0', ports: own })));
    expect(place.hubAddress).toBe('127.77.0.11');
    expect(place.notes.join(' ')).toContain('--hub-listen');
  });
});
