/** Retire and lock over a link whose device restarts: docs/bench-link.md section 7. */
import { describe, expect, it } from 'vitest';
import { derSequence, testDevice, testMemory } from '../../../test/exams/link-device.ts';
import { systemClock, systemRandom } from '../base/host.ts';
import { silentLog } from '../base/log.ts';
import { must, type Result } from '../base/result.ts';
import { streamPair } from '../base/stream-pair.ts';
import { createLinkClient } from './client.ts';
import { certificatesHash } from './messages.ts';
import { serveLink } from './server.ts';
import type { LinkDevice } from './types.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
const settings = { registrationId: 'unit-1', idScope: '0ne00000001', endpoint: 'dps.test:443' };
const chain = [derSequence(300, 1), derSequence(260, 2)];
const refusalOf = (result: Result<unknown>): unknown => !result.ok && result.fault.detail?.['deviceCode'];

function bench(change: Partial<LinkDevice> = {}) {
  const pair = streamPair();
  const own = testDevice();
  const device: LinkDevice = { ...own, ...change };
  const memory = testMemory();
  let server = serveLink(pair.far, device, { ...parts, memory });
  const client = createLinkClient(pair.near, { ...parts, limits: { replyTimeoutMs: 60 } });
  const restart = (): void => {
    server.close();
    server = serveLink(pair.far, device, { ...parts, memory });
  };
  return { client, own, restart };
}

async function written(change: Partial<LinkDevice> = {}) {
  const on = bench(change);
  must(await on.client.writeCertificates('c', chain));
  must(await on.client.writeSettings('s', settings));
  on.own.asked.splice(0);
  return on;
}

describe('[LINK-7.2] retire', () => {
  it('is answered with what is held, and repeated without being done again', async () => {
    const { client, own, restart } = await written();
    const retired = must(await client.retire('r', chain));
    expect(retired.sha256).toEqual(certificatesHash(chain));
    restart();
    expect(must(await client.retire('r', chain))).toEqual(retired);
    expect(own.asked).toEqual(['retire']);
  });

  it('drops nothing beside a credential that the station did not verify, or none', async () => {
    const { client, own } = await written();
    expect(refusalOf(await client.retire('r', [derSequence(300, 9)]))).toBe('holds-other');
    expect(refusalOf(await bench().client.retire('r', []))).toBe('holds-other');
    expect(own.asked).toEqual([]);
  });

  it('and lock are not known to firmware without them, which says so', async () => {
    const older = { retire: undefined, lock: undefined } as unknown as Partial<LinkDevice>;
    const { client } = await written(older);
    const refused = [await client.retire('r', chain), await client.lock('l', { chain, settings })];
    expect(refused.map((one) => one.ok || one.fault.code)).toEqual(['link-unsupported', 'link-unsupported']);
  });
});

describe('[LINK-7.3] lock', () => {
  it('locks what was verified and nothing else', async () => {
    const { client, own } = await written();
    const others = [
      { chain: [derSequence(300, 9)], settings },
      { chain, settings: { ...settings, idScope: '0ne00000002' } },
      { chain, settings: undefined },
    ];
    for (const [at, other] of others.entries())
      expect(refusalOf(await client.lock(`l${at}`, other))).toBe('holds-other');
    expect(must(await client.deviceInfo()).isLocked).toBe(false);
    expect(own.asked).toEqual([]);
    must(await client.lock('l', { chain, settings }));
    expect(must(await client.deviceInfo()).isLocked).toBe(true);
  });

  it('locks a unit that holds nothing but its settings', async () => {
    const { client } = bench();
    must(await client.writeSettings('s', settings));
    must(await client.lock('l', { chain: [], settings }));
    expect(must(await client.deviceInfo()).isLocked).toBe(true);
  });

  it('[LINK-7.5] that was interrupted by a restart is run again under its id', async () => {
    const { client, own, restart } = await written();
    own.hold();
    const locking = client.lock('l', { chain, settings });
    for (let turn = 0; own.asked.length < 1 && turn < 2_000; turn += 1) await new Promise((go) => setTimeout(go, 1));
    restart();
    for (let turn = 0; own.asked.length < 2 && turn < 2_000; turn += 1) await new Promise((go) => setTimeout(go, 1));
    own.release();
    must(await locking);
    expect(own.asked).toEqual(['lock', 'lock']);
  });
});

describe('[LINK-7.4] a locked device', () => {
  it('refuses what would change it, and answers what it holds', async () => {
    const { client, own } = await written();
    must(await client.lock('l', { chain, settings }));
    own.asked.splice(0);
    // What it answered before it was locked, it answers again.
    must(await client.writeCertificates('c', chain));
    const other = [derSequence(100, 3)];
    const refused = [
      await client.writeCertificates('c2', other),
      await client.writeSettings('s2', { ...settings, idScope: '0ne00000002' }),
      await client.retire('r2', chain),
    ];
    expect(refused.map(refusalOf)).toEqual(['device-locked', 'device-locked', 'device-locked']);
    expect(own.asked).toEqual([]);
    expect(must(await client.readCertificates()).chain).toEqual(chain);
    expect(must(await client.readSettings()).settings).toEqual(settings);
    must(await client.createCsr('csr', 'unit-1'));
    must(await client.tpm.transmit(new Uint8Array(10)));
    must(await client.boot('b'));
    expect(must(await client.lock('again', { chain, settings })).sha256).toHaveLength(32);
  });

  it('stays open when its lock could not be kept', async () => {
    const fault = { code: 'flash', say: 'flash is full', hint: 'set it aside' };
    const { client } = await written({ lock: async () => ({ ok: false, fault }) });
    expect(refusalOf(await client.lock('l', { chain, settings }))).toBe('flash');
    expect(must(await client.deviceInfo()).isLocked).toBe(false);
  });
});
