/** Answers that wait for the end of what runs and bring its result: [LINK-6.9]. */
import { describe, expect, it } from 'vitest';
import { testDevice, testMemory } from '../../../test/exams/link-device.ts';
import { manualClock } from '../base/clock.ts';
import { systemClock, systemRandom } from '../base/host.ts';
import { silentLog } from '../base/log.ts';
import { must, ok } from '../base/result.ts';
import { streamPair } from '../base/stream-pair.ts';
import { createLinkClient } from './client.ts';
import { createCounter } from './counter.ts';
import { answerHoldMs } from './limits.ts';
import { requestKinds, requestStates } from './messages.ts';
import { packParcel, sha256 } from './parcel.ts';
import { serveLink } from './server.ts';
import type { LinkDevice, LinkServerParts } from './types.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };

function bench(server: Partial<LinkServerParts> = {}, change: Partial<LinkDevice> = {}) {
  const pair = streamPair();
  const own = testDevice();
  let answers = 0;
  pair.near.onData(() => (answers += 1));
  serveLink(pair.far, { ...own, ...change }, { ...parts, memory: testMemory(), ...server });
  return { client: createLinkClient(pair.near, parts), own, answers: () => answers };
}

describe('[LINK-6.9] a request that is quickly done', () => {
  const command = new Uint8Array(10);

  it('takes one exchange, with older firmware two, and has the same result', async () => {
    const now = bench();
    const older = bench({ holdMs: 0 });
    expect(must(await now.client.tpm.transmit(command))).toEqual(sha256(command));
    expect(must(await older.client.tpm.transmit(command))).toEqual(sha256(command));
    expect(now.answers()).toBe(1);
    expect(older.answers()).toBeGreaterThan(1);
  });

  it('is left to be asked for by a device that would forget it at a restart', async () => {
    const pair = streamPair();
    serveLink(pair.far, testDevice(), parts);
    let answers = 0;
    pair.near.onData(() => (answers += 1));
    must(await createLinkClient(pair.near, parts).tpm.transmit(command));
    expect(answers).toBeGreaterThan(1);
  });

  it('and has a long result brings its beginning, and the rest is asked for', async () => {
    const long = new Uint8Array(900).fill(7);
    const { client, answers } = bench({}, { tpmTransmit: async () => ok(long) });
    expect(must(await client.tpm.transmit(command))).toEqual(long);
    // 900 bytes in buffers of 384.
    expect(answers()).toBe(3);
  });

  it('and failed is told so at once, also when it is repeated', async () => {
    const { client, own, answers } = bench();
    const refused = { fault: { code: 'device-refused', detail: { deviceCode: 'no-rsa' } } };
    expect(await client.generateKey('k', 'rsa2048')).toMatchObject(refused);
    expect(await client.generateKey('k', 'rsa2048')).toMatchObject(refused);
    expect([answers(), own.asked]).toEqual([2, ['key rsa2048']]);
  });
});

describe('[LINK-6.9] a request that takes longer', () => {
  const parcel = packParcel(new Uint8Array(10));
  const id = new Uint8Array(16).fill(1);
  const send = new Map<string, unknown>(
    Object.entries({ r: id, k: requestKinds.tpm, o: 0, l: parcel.length, d: parcel }),
  );
  const ask = new Map<string, unknown>([
    ['r', id],
    ['o', 0],
  ]);

  it('is answered as running when the wait is over, and its end is told as soon as it is there', async () => {
    const clock = manualClock();
    const device = testDevice();
    const counter = createCounter(device, { clock, log: silentLog, memory: testMemory(), bufferBytes: 384 });
    device.hold();
    const told: unknown[] = [];
    const hear = (reply: unknown): number => told.push(reply);
    void counter.send(send).then(hear);
    await clock.advance(answerHoldMs - 1);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([{ at: 'answer', members: { o: parcel.length, s: requestStates.running } }]);
    void counter.ask(ask).then(hear);
    await clock.advance(1);
    expect(told).toHaveLength(1);
    device.release();
    await clock.advance(0);
    expect(told[1]).toMatchObject({ members: { o: 0, s: requestStates.done } });
    expect(clock.pending).toBe(0);
  });
});
