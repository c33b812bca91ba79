import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { openPty } from '../../src-main/lib/serial/index.ts';
import { closeNativePort, openNativePort } from '../../src-main/lib/serial/serial-port.ts';
import { within } from './stream-exam.ts';
import { adapterProfiles, openingOf, unknownAdapter } from '../../src-main/station/adapters/profiles.ts';

interface OpenOptions {
  readonly baudRate: number;
  readonly hupcl?: boolean;
}

/** A port with modem lines under serialport's own stream: it writes down what is done to it, and when. */
function recordingBinding(done: unknown[][]) {
  return {
    list: async () => [],
    open: async (openOptions: OpenOptions) => {
      done.push(['open', openOptions.baudRate, openOptions.hupcl]);
      let isOpen = true;
      let endRead: (error: Error) => void = () => undefined;
      return {
        openOptions,
        get isOpen() {
          return isOpen;
        },
        set: async (lines: object) => void done.push(['set', lines]),
        read: () => new Promise((_, reject) => (endRead = reject)),
        write: async () => undefined,
        getBaudRate: async () => ({ baudRate: openOptions.baudRate }),
        close: async () => {
          isOpen = false;
          endRead(Object.assign(new Error('closed'), { canceled: true }));
        },
      };
    },
  };
}

const overrides = { stationBaudRate: undefined, slot: {}, batchBaudRate: undefined };

describe('a port with modem lines', () => {
  it.each([...adapterProfiles, unknownAdapter].map((profile) => [profile.name, profile] as const))(
    'of %s is given all its lines in one call, right after it was opened',
    async (_name, profile) => {
      const [usb] = profile.usb;
      const productId = usb?.productIds[0];
      const ids = usb === undefined || productId === undefined ? {} : { vendorId: usb.vendorId, productId };
      const done: unknown[][] = [];
      const parts = { clock: systemClock, log: silentLog, binding: recordingBinding(done) };
      const port = must(
        await openNativePort(openingOf('/dev/a', { path: '/dev/a', name: 'a', ...ids }, overrides), parts),
      );
      const { lines, hangUpOnClose, lowLatency } = profile;
      expect(done.slice(0, 2)).toEqual([
        ['open', profile.baudRate, hangUpOnClose],
        ['set', { brk: false, cts: false, ...lines, lowLatency: lowLatency ?? false }],
      ]);
      expect(done.filter(([what]) => what === 'set')).toHaveLength(1);
      await closeNativePort(port);
    },
  );

  it('never raises the line that nobody spoke of while it lowers the other', async () => {
    const done: unknown[][] = [];
    const parts = { clock: systemClock, log: silentLog, binding: recordingBinding(done) };
    const port = must(await openNativePort({ path: '/dev/a', dtr: false }, parts));
    expect(done[1]).toEqual(['set', { brk: false, cts: false, dtr: false, rts: true, lowLatency: false }]);
    await closeNativePort(port);
  });
});

describe('a pseudo-terminal', () => {
  it('is opened by the profile of every adapter though it has no modem lines', async () => {
    const pty = must(await openPty({}, systemClock));
    for (const lines of [
      { dtr: false, rts: false },
      { dtr: true, rts: true, lowLatency: true },
    ]) {
      const opened = await openNativePort({ path: pty.path, ...lines }, { clock: systemClock, log: silentLog });
      await closeNativePort(must(opened));
    }
    expect((await openNativePort({ path: pty.path }, { clock: systemClock, log: silentLog })).ok).toBe(true);
    await pty.close();
  });

  it('hangs up at a close only when its profile says so', async () => {
    const pty = must(await openPty({}, systemClock));
    const hangsUp = (): string => execFileSync('stty', ['-F', pty.path, '-a'], { encoding: 'utf8' });
    for (const hangUpOnClose of [true, false, true]) {
      const profile = { path: pty.path, hangUpOnClose };
      const port = must(await openNativePort(profile, { clock: systemClock, log: silentLog }));
      expect(/(^| )hupcl/m.test(hangsUp())).toBe(hangUpOnClose);
      // Reading goes on, and ends: the port was not made to block.
      const read = new Promise((resolve) => port.once('data', resolve));
      must(await pty.stream.write(Uint8Array.of(7)));
      expect(await within(read, 'a byte')).toEqual(Buffer.of(7));
      await within(closeNativePort(port), 'the close');
    }
    await pty.close();
  });
});
