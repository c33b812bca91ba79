/** The vectors of docs/bench-link.md section 8, and that the page and they say the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testDevice, testMemory } from '../../../test/exams/link-device.ts';
import { mynewtFrames, ourVectors } from '../../../test/vectors/link-vectors.ts';
import { concatBytes, fromBase64, fromHex, toHex, utf8 } from '../base/bytes.ts';
import { crc16 } from '../base/crc16.ts';
import { systemClock } from '../base/host.ts';
import { silentLog } from '../base/log.ts';
import { streamPair } from '../base/stream-pair.ts';
import { decodeMap, encodeMap } from './cbor-map.ts';
import { createFrameDecoder, encodeFrames } from './console-frame.ts';
import {
  decodeInfo,
  decodeResult,
  decodeSettings,
  encodeInfo,
  encodeLock,
  encodeResult,
  encodeRetire,
  encodeSettings,
  heldHashes,
  settingsHash,
} from './messages.ts';
import { openParcel, packParcel, sha256, wireRequestId } from './parcel.ts';
import { serveLink } from './server.ts';
import type { LinkMemory } from './types.ts';
import type { DeviceTraits } from './types.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0);

/** What a device answers to one packet, byte for byte. */
async function answered(packets: readonly string[], memory?: LinkMemory): Promise<readonly string[]> {
  const pair = streamPair();
  const remembered = memory === undefined ? {} : { memory };
  serveLink(pair.far, testDevice(), { clock: systemClock, log: silentLog, ...remembered });
  const decoder = createFrameDecoder(4_096);
  const answers: string[] = [];
  for (const packet of packets) {
    const answer = new Promise<string>((resolve) => {
      const stop = pair.near.onData((bytes) => {
        for (const framed of decoder.push(bytes)) {
          stop();
          if (framed.kind === 'packet') resolve(toHex(framed.bytes));
        }
      });
    });
    await pair.near.write(encodeFrames(hex(packet)));
    answers.push(await answer);
  }
  return answers;
}

describe('what other software sends', () => {
  it('[LINK-2.2, LINK-2.4, LINK-3.2] has our length, our CRC and maps that end with a break (Apache Mynewt)', () => {
    for (const { frames, start, bytes } of [mynewtFrames.taskstatsReply, mynewtFrames.imageListReply]) {
      const contents = concatBytes(...frames.map((line) => fromBase64(line.slice(2)) ?? new Uint8Array(0)));
      const packet = contents.slice(2, -2);
      expect(toHex(contents.slice(0, 2))).toBe((bytes + 2).toString(16).padStart(4, '0'));
      expect(toHex(contents.slice(-2))).toBe(crc16(packet).toString(16).padStart(4, '0'));
      expect([packet.length, toHex(packet).startsWith(start)]).toEqual([bytes, true]);
      expect(decodeMap(packet.slice(8))?.size).toBe(2);
      const read = createFrameDecoder(4_096).push(encodeFrames(packet));
      expect(read).toMatchObject([{ kind: 'packet', bytes: packet }]);
    }
  });
  it('[LINK-2.1] is not taken where its lines are longer than 127 bytes, as those of Mynewt in 2016 were', () => {
    const [line] = mynewtFrames.taskstatsReply.frames;
    expect(line.length + 1).toBe(131);
    const read = createFrameDecoder(4_096).push(utf8(`${line}\n`));
    expect(read[0]).toMatchObject({ kind: 'discarded', why: 'line-too-long' });
  });
  it('[LINK-2.1] is framed as we frame it', () => {
    for (const { frame, packet } of [mynewtFrames.taskstatsRequest, mynewtFrames.imageListRequest]) {
      expect(encodeFrames(hex(packet))).toEqual(utf8(`${frame}\n`));
    }
  });
});

describe('[LINK-8] the vectors', () => {
  it('of frames and packets are what we write', () => {
    expect(encodeFrames(hex(ourVectors.echoPacket))).toEqual(utf8(ourVectors.echoFrame));
  });
  it('[LINK-6.3] of ids and [LINK-6.1] parcels are what we write and open', () => {
    expect(toHex(wireRequestId(ourVectors.requestId.text))).toBe(ourVectors.requestId.wire);
    expect(toHex(packParcel(encodeMap({ alg: 'p256' })))).toBe(ourVectors.keyParcel);
    expect(openParcel(hex(ourVectors.keyParcel))).toEqual(encodeMap({ alg: 'p256' }));
    expect(openParcel(hex(`00${ourVectors.keyParcel.slice(2)}`))).toBeUndefined();
    expect(openParcel(new Uint8Array(31))).toBeUndefined();
  });
  it('[LINK-5.4] of settings are what we write, read and hash', () => {
    const { value, content, sha256 } = ourVectors.settings;
    expect(toHex(encodeSettings(value))).toBe(content);
    expect(decodeSettings(hex(content))).toEqual(value);
    expect(toHex(settingsHash(value))).toBe(sha256);
    expect(decodeSettings(encodeMap({ reg: 'a\nb', scope: 's', host: 'h' }))).toBeUndefined();
    for (const empty of [{ reg: '' }, { scope: '' }, { scope: ' ' }, { host: '' }]) {
      expect(decodeSettings(encodeMap({ reg: 'a', scope: 's', host: 'h', ...empty }))).toBeUndefined();
    }
  });
  it('[LINK-6.4] of results are what we write and read', () => {
    const result = { at: 'failed', code: 'no-rsa', message: 'only P-256 here' } as const;
    expect(toHex(encodeResult(result))).toBe(ourVectors.failedResult);
    expect(decodeResult(hex(ourVectors.failedResult))).toEqual(result);
  });
  it('[LINK-7.1] of an info, [LINK-7.2] of what is retired and [LINK-7.3] locked are what we write and read', () => {
    const { finish, settings } = ourVectors;
    const chain = [hex(finish.chain)];
    expect(toHex(encodeRetire(chain))).toBe(finish.retire);
    const lock = encodeLock(heldHashes(chain, settings.value));
    expect(toHex(lock)).toBe(`${finish.lockStart}${settings.sha256}`);
    expect(toHex(sha256(lock))).toBe(finish.locked);
    expect(toHex(sha256(encodeLock(heldHashes([], settings.value))))).toBe(finish.lockedWithout);
    const info: DeviceTraits = {
      ...{ model: 'Board', firmware: '2.0', attestations: ['x509'], keyAlgorithms: ['p256'] },
      ...{ finishing: ['retire', 'lock'], isLocked: true, holdsCredential: true },
    };
    expect(toHex(encodeInfo(info))).toBe(finish.info);
    expect(decodeInfo(hex(finish.info), 384)).toEqual({ ...info, linkVersion: 1, bufferBytes: 384 });
    const older = encodeMap({ v: 1, model: 'Board', fw: '1', att: ['x509'] });
    expect(decodeInfo(older, 384)).toMatchObject({ finishing: [], isLocked: false, holdsCredential: false });
  });
  it('are what a device answers', async () => {
    const { unknownAsk, unknownPacket, sendPacket, runningPacket, donePacket } = ourVectors;
    expect(await answered([unknownAsk, sendPacket])).toEqual([unknownPacket, runningPacket]);
    // [LINK-6.9]
    expect(await answered([sendPacket, sendPacket], testMemory())).toEqual([donePacket, donePacket]);
  });
  it('stand in the page', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/bench-link.md'), 'utf8');
    const {
      echoPacket,
      requestId,
      keyParcel,
      runningPacket,
      donePacket,
      unknownPacket,
      settings,
      failedResult,
      finish,
    } = ourVectors;
    for (const bytes of [
      echoPacket,
      requestId.wire,
      keyParcel,
      runningPacket,
      donePacket,
      unknownPacket,
      settings.content,
      failedResult,
      finish.retire,
      finish.lockStart,
      finish.locked,
      finish.lockedWithout,
      finish.info,
    ]) {
      expect(page).toContain(bytes);
    }
  });
});

describe('[LINK-3.1] a device', () => {
  it('[LINK-3.5] tells an older request for our group that it is too old, and an unknown group that it is not supported', async () => {
    const tooOld = `00${ourVectors.unknownAsk.slice(2)}`;
    const otherGroup = '0800000100050400a0';
    expect(await answered([tooOld, otherGroup])).toEqual([
      '0100000500400302a1627263' + '0c',
      '0900000500050400a1627263' + '08',
    ]);
  });
  it('does not answer answers', async () => {
    const pair = streamPair();
    serveLink(pair.far, testDevice(), { clock: systemClock, log: silentLog });
    const heard: Uint8Array[] = [];
    pair.near.onData((bytes) => heard.push(bytes));
    await pair.near.write(encodeFrames(hex(ourVectors.runningPacket)));
    await pair.near.write(encodeFrames(hex(ourVectors.echoPacket)));
    while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(heard).toHaveLength(1);
  });
});
