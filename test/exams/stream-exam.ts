/** What every ByteStream must be able to do; each kind of stream sits it. */
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src-main/lib/base/bytes.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';

export interface StreamSeat {
  /** The station's end, and the device's. */
  readonly near: ByteStream;
  readonly far: ByteStream;
  /** As a pulled cable would. */
  readonly unplug: () => Promise<void>;
  readonly leave: () => Promise<void>;
}

/** A wait that cannot hang a suite. */
export async function within<T>(wait: Promise<T>, what: string): Promise<T> {
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = systemClock.after(10_000, () => {
      reject(new Error(`waited in vain for ${what}`));
    });
  });
  return Promise.race([wait, late]).finally(() => {
    cancel();
  });
}

/** Collects what arrives, and tells when enough is there. */
export function collect(stream: ByteStream) {
  let heard: Uint8Array = new Uint8Array(0);
  let wake: () => void = () => undefined;
  stream.onData((bytes) => {
    heard = concatBytes(heard, bytes);
    wake();
  });
  return {
    async bytes(count: number): Promise<Uint8Array> {
      while (heard.length < count)
        await within(new Promise<void>((resolve) => (wake = resolve)), `${String(count)} bytes`);
      return heard;
    },
  };
}

export function byteStreamExam(name: string, open: () => Promise<StreamSeat>): void {
  const seated = async (sit: (seat: StreamSeat) => Promise<void>): Promise<void> => {
    const seat = await open();
    try {
      await sit(seat);
    } finally {
      await seat.leave();
    }
  };

  describe(`${name} as a byte stream`, () => {
    it('carries every byte value both ways, unchanged and in order', () =>
      seated(async ({ near, far }) => {
        const all = Uint8Array.from({ length: 256 }, (_, value) => value);
        const [atNear, atFar] = [collect(near), collect(far)];
        must(await near.write(all));
        expect(await atFar.bytes(256)).toEqual(all);
        must(await far.write(all.toReversed()));
        expect(await atNear.bytes(256)).toEqual(all.toReversed());
      }));
    it('carries 64 KiB each way at the same time', () =>
      seated(async ({ near, far }) => {
        const much = Uint8Array.from({ length: 65_536 }, (_, at) => (at * 31) & 255);
        const [atNear, atFar] = [collect(near), collect(far)];
        const written = await Promise.all([near.write(much), far.write(much)]);
        expect(written.map((each) => each.ok)).toEqual([true, true]);
        expect(equalBytes(await atFar.bytes(much.length), much)).toBe(true);
        expect(equalBytes(await atNear.bytes(much.length), much)).toBe(true);
      }));
    it('keeps what is written before anybody listens', () =>
      seated(async ({ near, far }) => {
        must(await far.write(Uint8Array.of(1, 2, 3)));
        expect(await collect(near).bytes(3)).toEqual(Uint8Array.of(1, 2, 3));
      }));
    it('tells the end once, with a coded reason, when it is unplugged', () =>
      seated(async ({ near, far, unplug }) => {
        const ends: (string | undefined)[] = [];
        collect(near);
        collect(far);
        const ended = new Promise<void>((resolve) => {
          near.onClose((reason) => {
            ends.push(reason?.code);
            resolve();
          });
        });
        await unplug();
        await within(ended, 'the end');
        expect(ends).toEqual([expect.stringMatching(/^[a-z-]+$/)]);
        expect((await near.write(Uint8Array.of(1))).ok).toBe(false);
      }));
    it('closes without a reason, as often as asked, and takes nothing afterwards', () =>
      seated(async ({ near }) => {
        const ends: unknown[] = [];
        near.onClose((reason) => ends.push(reason));
        await Promise.all([near.close(), near.close()]);
        await near.close();
        expect(ends).toEqual([undefined]);
        expect((await near.write(Uint8Array.of(1))).ok).toBe(false);
      }));
  });
}
