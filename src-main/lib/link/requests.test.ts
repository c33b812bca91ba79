import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../base/host.ts';
import { silentLog } from '../base/log.ts';
import { must, type Result } from '../base/result.ts';
import { streamPair, type StreamPair } from '../base/stream-pair.ts';
import type { ByteStream } from '../base/stream.ts';
import { utf8 } from '../base/bytes.ts';
import { serveLink } from './server.ts';
import { createLinkClient } from './client.ts';
import { decodeMap, encodeMap } from './cbor-map.ts';
import { createFrameDecoder, encodeFrames } from './console-frame.ts';
import { requestKinds } from './messages.ts';
import { decodePacket, encodePacket } from './smp-packet.ts';
import { derSequence, testDevice, testMemory, type TestDevice } from '../../../test/exams/link-device.ts';
import type { LinkClient, LinkDevice, LinkMemory } from './types.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
const quick = { echoEveryMs: 40, replyTimeoutMs: 60, connectTimeoutMs: 400 };
const codeOf = (result: Result<unknown>): string | undefined => (result.ok ? undefined : result.fault.code);

/** The line as a test wants it: `spoil` sees each whole packet from the device and says what the station gets. */
function spoiled(stream: ByteStream, spoil: (frames: Uint8Array, count: number) => readonly Uint8Array[]): ByteStream {
  let count = 0;
  return {
    ...stream,
    onData: (listener) =>
      stream.onData((bytes) => {
        count += 1;
        for (const frames of spoil(bytes, count)) listener(frames);
      }),
  };
}

interface Bench {
  readonly client: LinkClient;
  readonly device: TestDevice;
  readonly memory: LinkMemory;
  readonly pair: StreamPair;
  /** The device loses its power and starts again: what is not in its memory is gone. */
  readonly restart: (memory?: LinkMemory) => void;
}

/** @param holdMs shorter than the station's patience above */
function bench(
  spoil: (frames: Uint8Array, count: number) => readonly Uint8Array[] = (frames) => [frames],
  holdMs = 20,
): Bench {
  const pair = streamPair();
  const device = testDevice();
  const memory = testMemory();
  let server = serveLink(pair.far, device, { ...parts, memory, holdMs });
  const client = createLinkClient(spoiled(pair.near, spoil), { ...parts, limits: quick });
  return {
    client,
    device,
    memory,
    pair,
    restart(next = memory) {
      server.close();
      server = serveLink(pair.far, device, { ...parts, memory: next, holdMs });
    },
  };
}

const chain = [derSequence(700, 1), derSequence(600, 2)];

describe('[LINK-4.4] connecting', () => {
  it('waits for a unit that boots, and skips its chatter', async () => {
    const pair = streamPair();
    const client = createLinkClient(pair.near, { ...parts, limits: { ...quick, connectTimeoutMs: 5_000 } });
    let started = false;
    pair.far.onData(() => {
      void pair.far.write(utf8('[00:00:00.1] <inf> boot: \x06 starting\r\n'));
      if (!started) serveLink(pair.far, testDevice(), parts);
      started = true;
    });
    must(await client.connect());
    expect(must(await client.deviceInfo()).model).toBe('Test board');
  });
  it('gives a silent line up with link-silent, and says link-lost once it is unplugged', async () => {
    const pair = streamPair();
    const client = createLinkClient(pair.near, { ...parts, limits: quick });
    expect(codeOf(await client.connect())).toBe('link-silent');
    pair.unplug({ code: 'port-unplugged', say: '', hint: '' });
    const lost = await client.connect();
    expect(lost).toMatchObject({ fault: { code: 'link-lost', detail: { reason: 'port-unplugged' } } });
  });
  it('is cancelled at once by its signal', async () => {
    const pair = streamPair();
    const client = createLinkClient(pair.near, { ...parts, limits: { ...quick, connectTimeoutMs: 60_000 } });
    const stop = new AbortController();
    const connecting = client.connect(stop.signal);
    stop.abort();
    expect(codeOf(await connecting)).toBe('link-cancelled');
  });
  it('refuses a unit whose buffer is too small to be used', async () => {
    const pair = streamPair();
    answerRaw(pair.far, (command) => (command === 0 ? undefined : { buf_size: 63, buf_count: 1 }));
    const client = createLinkClient(pair.near, { ...parts, limits: quick });
    expect(codeOf(await client.connect())).toBe('link-buffer-too-small');
  });
});

/** A device made of SMP alone: echoes, and answers all else with what `reply` says. */
function answerRaw(
  stream: ByteStream,
  reply: (command: number, group: number) => Readonly<Record<string, unknown>> | undefined,
): void {
  const decoder = createFrameDecoder(4_096);
  stream.onData((bytes) => {
    for (const framed of decoder.push(bytes)) {
      const packet = framed.kind === 'packet' ? decodePacket(framed.bytes) : undefined;
      if (packet === undefined) continue;
      const own = reply(packet.command, packet.group);
      const members = own ?? { r: decodeMap(packet.body)?.get('d') };
      const op = packet.op === 0 ? 1 : 3;
      void stream.write(encodeFrames(encodePacket({ ...packet, op, body: encodeMap(members) })));
    }
  });
}

describe('[LINK-3.3] an answer', () => {
  it('with an old sequence number is never taken for the next one', async () => {
    const held: Uint8Array[] = [];
    // Every answer comes one exchange late, before the right one.
    const { client } = bench((frames) => {
      const late = held.splice(0);
      held.push(frames);
      return [...late, frames];
    });
    must(await client.connect());
    expect(must(await client.status())).toEqual({ state: 'blank' });
    const written = must(await client.writeCertificates('a', chain));
    expect(must(await client.readCertificates())).toEqual({ chain, sha256: written.sha256 });
  });
  it('that is lost or damaged is asked for again, and nothing happens twice', async () => {
    for (const damage of ['lost', 'damaged', 'cut'] as const) {
      const { client, device } = bench((frames, count) => {
        if (count % 2 === 0) return [frames];
        if (damage === 'lost') return [];
        return [damage === 'cut' ? frames.subarray(0, -9) : frames.map((byte, at) => (at === 7 ? byte ^ 1 : byte))];
      });
      must(await client.connect());
      must(await client.generateKey('key', 'p256'));
      must(await client.tpm.transmit(new Uint8Array(900)));
      must(await client.writeCertificates('chain', chain));
      expect(device.asked).toEqual(['key p256', 'tpm', 'certificates']);
    }
  });
  it('that never comes whole ends in link-garbled', async () => {
    const { client } = bench((frames) => [frames.map((byte, at) => (at === 7 ? byte ^ 1 : byte))]);
    expect(codeOf(await client.status())).toBe('link-garbled');
  });
  it('of a unit without our group is link-unsupported, and a refusal is told with its code', async () => {
    const pair = streamPair();
    let members: Readonly<Record<string, unknown>> = { rc: 8 };
    answerRaw(pair.far, () => members);
    const client = createLinkClient(pair.near, { ...parts, limits: quick });
    expect(codeOf(await client.status())).toBe('link-unsupported');
    members = {
      err: new Map([
        ['group', 64],
        ['rc', 11],
      ]),
    };
    expect(await client.status()).toMatchObject({ fault: { code: 'link-refused', detail: { group: 64, rc: 11 } } });
    members = { l: 10, o: 0, d: new Uint8Array(10) };
    expect(codeOf(await client.status())).toBe('link-unreadable');
    members = { l: 40, o: 0, d: new Uint8Array(40) };
    expect(codeOf(await client.status())).toBe('link-garbled');
  });
});

describe('[LINK-6.4] a repeated request', () => {
  it('gives the first result again and does nothing new', async () => {
    const { client, device } = bench();
    const first = must(await client.generateKey('run-7/key', 'p256'));
    expect(must(await client.generateKey('run-7/key', 'p256'))).toEqual(first);
    expect(device.asked).toEqual(['key p256']);
    expect(must(await client.generateKey('run-8/key', 'p256'))).not.toEqual(first);
  });
  it('gives a failure again as well', async () => {
    const { client, device } = bench();
    const refused = { fault: { code: 'device-refused', detail: { deviceCode: 'no-rsa', message: 'only P-256 here' } } };
    expect(await client.generateKey('k', 'rsa2048')).toMatchObject(refused);
    expect(await client.generateKey('k', 'rsa2048')).toMatchObject(refused);
    expect(device.asked).toEqual(['key rsa2048']);
  });
  it('with other contents is refused', async () => {
    const { client } = bench();
    must(await client.createCsr('csr', 'unit-1'));
    expect(codeOf(await client.createCsr('csr', 'unit-2'))).toBe('link-id-reused');
    expect(codeOf(await client.generateKey('csr', 'p256'))).toBe('link-id-reused');
  });
});

describe('[LINK-6.5] after a restart of the device', () => {
  it('a finished request is replayed from its memory', async () => {
    const { client, device, restart } = bench();
    const first = must(await client.generateKey('key', 'p256'));
    restart();
    expect(must(await client.generateKey('key', 'p256'))).toEqual(first);
    expect(device.asked).toEqual(['key p256']);
  });
  it('a TPM command that was running is not run again', async () => {
    const { client, device, restart } = bench();
    device.hold();
    const transmitting = client.tpm.transmit(new Uint8Array(10));
    await untilAsked(device, 1);
    restart();
    expect(codeOf(await transmitting)).toBe('link-interrupted');
    expect(device.asked).toEqual(['tpm']);
  });
  it('a TPM command that the device forgot altogether is not run again either', async () => {
    const { client, device, restart } = bench(undefined, 0);
    device.hold();
    const transmitting = client.tpm.transmit(new Uint8Array(10));
    await untilAsked(device, 1);
    restart(testMemory());
    expect(codeOf(await transmitting)).toBe('link-interrupted');
  });
  it('any other request that was running is run again under its id', async () => {
    const { client, device, restart } = bench();
    device.hold();
    const making = client.generateKey('key', 'p256');
    await untilAsked(device, 1);
    restart();
    await untilAsked(device, 2);
    device.release();
    expect(must(await making).publicKey).toHaveLength(32);
    expect(device.asked).toEqual(['key p256', 'key p256']);
  });
  it('memory that cannot be read is no memory', async () => {
    const { client, restart } = bench();
    restart({ load: async () => utf8('rubbish'), save: async () => undefined });
    expect((await client.generateKey('key', 'p256')).ok).toBe(true);
  });
});

async function untilAsked(device: TestDevice, count: number): Promise<void> {
  for (let turn = 0; device.asked.length < count && turn < 2_000; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(device.asked).toHaveLength(count);
}

describe('[LINK-6.2] while a slow request runs', () => {
  it('echo and status are answered, and the next request waits its turn', async () => {
    const { client, device } = bench();
    device.hold();
    const slow = client.tpm.transmit(new Uint8Array(10));
    await untilAsked(device, 1);
    const next = client.createCsr('csr', 'unit');
    must(await client.ping());
    must(await client.ping());
    expect(must(await client.status())).toEqual({ state: 'blank' });
    expect(device.asked).toEqual(['tpm']);
    device.release();
    must(await slow);
    must(await next);
    expect(device.asked).toEqual(['tpm', 'csr unit']);
  });
  it('a second station waits until the device is free', async () => {
    const { client, device, pair } = bench();
    device.hold();
    const slow = client.tpm.transmit(new Uint8Array(10));
    await untilAsked(device, 1);
    const second = createLinkClient(pair.near, { ...parts, limits: quick }).createCsr('csr', 'unit');
    must(await client.ping());
    expect(device.asked).toEqual(['tpm']);
    device.release();
    expect((await second).ok && (await slow).ok).toBe(true);
  });
  it('a request that takes longer than its bound ends in link-slow', async () => {
    const pair = streamPair();
    const device = testDevice();
    serveLink(pair.far, device, parts);
    const client = createLinkClient(pair.near, { ...parts, limits: { requestTimeoutMs: 50 } });
    device.hold();
    expect(codeOf(await client.tpm.transmit(new Uint8Array(10)))).toBe('link-slow');
  });
  it('an unplugged line ends it with link-lost', async () => {
    const { client, device, pair } = bench();
    device.hold();
    const slow = client.tpm.transmit(new Uint8Array(10));
    await untilAsked(device, 1);
    pair.unplug({ code: 'port-unplugged', say: '', hint: '' });
    expect(codeOf(await slow)).toBe('link-lost');
  });
});

describe('[LINK-6.7] a write', () => {
  it('that the device does not hold afterwards is link-write-differs', async () => {
    const pair = streamPair();
    const device = testDevice();
    const forgetful = { ...device, certificates: async () => ({ ok: true as const, value: [derSequence(5, 5)] }) };
    serveLink(pair.far, forgetful, parts);
    const client = createLinkClient(pair.near, { ...parts, limits: quick });
    expect(codeOf(await client.writeCertificates('c', chain))).toBe('link-write-differs');
  });
  it('of what is no chain is refused by the device, and nothing is stored', async () => {
    const { client, device } = bench();
    expect(codeOf(await client.writeCertificates('c', [utf8('no certificate')]))).toBe('device-refused');
    expect(device.asked).toEqual([]);
  });
  it('that is too long is refused before a byte is sent', async () => {
    const { client } = bench();
    expect(codeOf(await client.writeCertificates('c', [derSequence(17_000, 1)]))).toBe('link-too-long');
  });
  it('finds an empty device empty', async () => {
    const { client } = bench();
    expect(must(await client.readCertificates()).chain).toEqual([]);
    expect(must(await client.readSettings())).toEqual({});
  });
});

describe('[LINK-5.6] a device', () => {
  it('without a TPM says so', async () => {
    const pair = streamPair();
    const device: LinkDevice = testDevice();
    Reflect.deleteProperty(device, 'tpmTransmit');
    serveLink(pair.far, device, parts);
    const client = createLinkClient(pair.near, { ...parts, limits: quick });
    expect(codeOf(await client.tpm.transmit(new Uint8Array(10)))).toBe('link-unsupported');
  });
  it('whose handler breaks tells no more than that', async () => {
    const pair = streamPair();
    const broken = {
      ...testDevice(),
      boot: async () => {
        throw new Error('PIN 1234');
      },
    };
    serveLink(pair.far, broken, parts);
    const client = createLinkClient(pair.near, { ...parts, limits: quick });
    const booted = await client.boot('b');
    expect(booted).toMatchObject({ fault: { code: 'device-refused', detail: { deviceCode: 'internal' } } });
    expect(JSON.stringify(booted)).not.toContain('1234');
  });
  it('knows eight kinds of request', () => {
    expect(Object.values(requestKinds)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});
