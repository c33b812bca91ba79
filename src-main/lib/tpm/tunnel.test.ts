import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex, uint16, uint32, utf8 } from '../base/bytes.ts';
import { manualClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { type Result, failed, must, ok } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { streamPair } from '../base/stream-pair.ts';
import { cc } from './constants.ts';
import { createTunnelClient } from './tunnel-client.ts';
import { tunnelFault } from './tunnel-faults.ts';
import { createTunnelDecoder, encodeTunnelFrame, maxTunnelBytes } from './tunnel-frame.ts';
import { serveTunnel } from './tunnel-server.ts';

const random = { bytes: (count: number) => new Uint8Array(count), uuid: () => 'id', fraction: () => 0 };
const commandOf = (code: number, body = new Uint8Array(0)) =>
  concatBytes(uint16(0x8001), uint32(10 + body.length), uint32(code), body);
const answerOf = (text: string) => concatBytes(uint16(0x8001), uint32(10 + text.length), uint32(0), utf8(text));

describe('[TUN-2] frames', () => {
  it('are the ones of the documentation', () => {
    expect(toHex(encodeTunnelFrame({ sequence: 1, buffer: new Uint8Array(0) }))).toBe('54554e0100003730');
    expect(toHex(encodeTunnelFrame({ sequence: 2, buffer: commandOf(cc.getRandom, uint16(4)) }))).toBe(
      '54554e02000c80010000000c0000017b00047d64',
    );
  });

  it('[TUN-2.4] are found again behind noise, damage and half a frame, however the bytes are divided', () => {
    const buffer = fc.uint8Array({ minLength: 10, maxLength: 60 });
    const noise = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(utf8('TUNTU booting... TUN')));
    const line = fc.record({ noise, buffers: fc.array(buffer, { minLength: 1, maxLength: 4 }), cut: fc.nat(30) });
    fc.assert(
      fc.property(line, fc.infiniteStream(fc.integer({ min: 1, max: 17 })), (sent, sizes) => {
        const frames = sent.buffers.map((one, sequence) => encodeTunnelFrame({ sequence, buffer: one }));
        const half = (frames[0] ?? new Uint8Array(0)).subarray(0, sent.cut % (frames[0]?.length ?? 1));
        const decoder = createTunnelDecoder();
        decoder.push(concatBytes(sent.noise, half));
        decoder.cut();
        const heard = [];
        for (let rest = concatBytes(...frames); rest.length > 0;) {
          const [size = 1] = [...sizes.take(1)];
          heard.push(...decoder.push(rest.subarray(0, size)));
          rest = rest.subarray(size);
        }
        expect(heard.map((frame) => toHex(frame.buffer))).toEqual(sent.buffers.map(toHex));
        expect(decoder.isOpen).toBe(false);
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  it('[TUN-2.2] never hold more than one buffer of the longest length, and never throw, whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 60 }), (chunks) => {
        const decoder = createTunnelDecoder();
        for (const chunk of chunks) {
          for (const { buffer } of decoder.push(concatBytes(Uint8Array.of(0x54, 0x55, 0x4e), chunk))) {
            expect(buffer.length).toBeLessThanOrEqual(maxTunnelBytes);
          }
        }
      }),
      { seed: 5, numRuns: 200 },
    );
    const decoder = createTunnelDecoder();
    expect(decoder.push(Uint8Array.of(0x54, 0x55, 0x4e, 0, 0x10, 0x01))).toEqual([]);
    expect(decoder.damaged).toBe(1);
  });
});

/** A station and a unit on one line; `tpm` answers, `bend` changes what the station hears. */
function tunnel(tpm: (command: Uint8Array) => Promise<Result<Uint8Array>>, bend = (bytes: Uint8Array) => bytes) {
  const clock = manualClock();
  const pair = streamPair();
  const parts = { clock, random, log: silentLog };
  const asked: Uint8Array[] = [];
  let running = 0;
  let most = 0;
  const transport = {
    transmit: async (command: Uint8Array) => {
      asked.push(command);
      running += 1;
      most = Math.max(most, running);
      const answer = await tpm(command);
      running -= 1;
      return answer;
    },
  };
  serveTunnel(pair.far, transport, parts);
  const near: ByteStream = {
    ...pair.near,
    onData: (hear) =>
      pair.near.onData((bytes) => {
        hear(bend(bytes));
      }),
  };
  const client = createTunnelClient(near, parts);
  const during = async <T>(work: Promise<T>): Promise<T> => {
    const state = { isDone: false };
    const settled = work.finally(() => (state.isDone = true));
    for (let turn = 0; !state.isDone && turn < 2_000; turn += 1) await clock.advance(100);
    return settled;
  };
  return { client, during, asked, clock, pair, most: () => most };
}

describe('[TUN-4] a command through the tunnel', () => {
  it('comes back with its answer, and only one is ever on its way', async () => {
    const { client, during, most } = tunnel(async (command) => ok(answerOf(`to ${command.length}`)));
    must(await during(client.connect()));
    const answers = await during(
      Promise.all([commandOf(cc.getRandom), commandOf(cc.readPublic, uint32(1))].map((one) => client.transmit(one))),
    );
    expect(answers.map((one) => toHex(must(one)))).toEqual(['to 10', 'to 14'].map((text) => toHex(answerOf(text))));
    expect(most()).toBe(1);
  });

  it('[TUN-4.2] is waited for as long as a slow chip makes an RSA key', async () => {
    let release = (): void => undefined;
    const made = new Promise<void>((resolve) => (release = resolve));
    const { client, during, clock, asked } = tunnel(async () => {
      await made;
      return ok(answerOf('key'));
    });
    must(await during(client.connect()));
    const key = client.transmit(commandOf(cc.createPrimary));
    await clock.advance(60_000);
    release();
    expect(must(await during(key))).toEqual(answerOf('key'));
    expect(asked).toHaveLength(1);
  });

  it('[TUN-5.1] is not sent again when it changes the TPM and its answer was lost; one that only reads is', async () => {
    for (const [code, sent] of [
      [cc.createPrimary, 1],
      [cc.startAuthSession, 1],
      [cc.getCapability, 2],
    ] as const) {
      let losses = 1;
      const { client, during, asked } = tunnel(
        async () => ok(answerOf('x')),
        (bytes) => (bytes.length > 8 && losses-- > 0 ? bytes.subarray(0, 9) : bytes),
      );
      must(await during(client.connect()));
      const answer = await during(client.transmit(commandOf(code)));
      expect(asked, String(code)).toHaveLength(sent);
      if (sent === 2) expect(must(answer)).toEqual(answerOf('x'));
      else expect(answer).toMatchObject({ ok: false, fault: { code: 'tunnel-answer-lost' } });
    }
  });

  it('[TUN-4.3] waits until the TPM is done before anything else is sent, and drops the late answer', async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => (release = resolve));
    const { client, during, clock, most } = tunnel(async (command) => {
      if (command.length > 10) await slow;
      return ok(answerOf(command.length > 10 ? 'late' : 'next'));
    });
    must(await during(client.connect()));
    const late = client.transmit(commandOf(cc.policySecret, uint32(1)));
    const next = client.transmit(commandOf(cc.getRandom));
    await clock.advance(25_000);
    release();
    expect(await during(late)).toMatchObject({ ok: false, fault: { code: 'tunnel-answer-lost' } });
    expect(must(await during(next))).toEqual(answerOf('next'));
    expect(most()).toBe(1);
  });

  it('[TUN-4.5] tells a TPM that gives no answer from a unit that gives none', async () => {
    const dead = tunnel(async () => failed(tunnelFault('tunnel-lost')));
    must(await dead.during(dead.client.connect()));
    const refused = await dead.during(dead.client.transmit(commandOf(cc.getRandom)));
    expect(refused).toMatchObject({ ok: false, fault: { code: 'tunnel-no-tpm' } });
    const gone = tunnel(
      async () => ok(answerOf('x')),
      () => new Uint8Array(0),
    );
    expect(await gone.during(gone.client.connect())).toMatchObject({ ok: false, fault: { code: 'tunnel-silent' } });
    const pulled = tunnel(() => new Promise(() => undefined));
    must(await pulled.during(pulled.client.connect()));
    const waiting = pulled.client.transmit(commandOf(cc.getRandom));
    pulled.pair.unplug(tunnelFault('tunnel-lost'));
    expect(await pulled.during(waiting)).toMatchObject({ ok: false, fault: { code: 'tunnel-lost' } });
  });

  it('is refused before it is sent when it cannot be one', async () => {
    const { client, during, asked } = tunnel(async () => ok(answerOf('x')));
    must(await during(client.connect()));
    for (const bytes of [9, maxTunnelBytes + 1]) {
      expect(await during(client.transmit(new Uint8Array(bytes)))).toMatchObject({ fault: { code: 'tunnel-size' } });
    }
    expect(asked).toEqual([]);
  });
});
