/** The bench link over every way in that a station has: both ends real, nothing between them ours but the streams. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { certificatesHash, createLinkClient, serveLink, settingsHash } from '../../src-main/lib/link/index.ts';
import { derSequence, testDevice } from './link-device.ts';
import { listenTcpStreams, openPortHost, openPty, openTcpStream, ptyTools } from '../../src-main/lib/serial/index.ts';
import { within } from './stream-exam.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
const hostOptions = {
  execPath: process.execPath,
  entryPath: join(import.meta.dirname, '../../src-main/lib/serial/port-host-main.ts'),
};

interface Line {
  readonly station: ByteStream;
  readonly device: ByteStream;
  readonly leave: () => Promise<void>;
}

function linkExam(name: string, open: () => Promise<Line>): void {
  describe(`the bench link over ${name}`, () => {
    for (const bufferBytes of [64, 384]) {
      it(`provisions a unit with a buffer of ${bufferBytes} bytes that chatters while it boots`, async () => {
        const line = await open();
        await line.device.write(new TextEncoder().encode('*** booting\r\n[00:00] <inf> ready\r\n'));
        const device = testDevice();
        serveLink(line.device, device, { ...parts, bufferBytes });
        const client = createLinkClient(line.station, parts);
        must(await client.connect());
        expect(must(await client.deviceInfo()).bufferBytes).toBe(bufferBytes);
        must(await client.tpm.transmit(new Uint8Array(500)));
        must(await client.generateKey('1', 'p256'));
        must(await client.createCsr('2', 'unit'));
        const chain = [derSequence(800, 1), derSequence(800, 2)];
        expect(must(await client.writeCertificates('3', chain)).sha256).toEqual(certificatesHash(chain));
        expect(must(await client.readCertificates()).chain).toEqual(chain);
        const settings = { registrationId: 'unit', idScope: '0ne1', endpoint: 'localhost' };
        expect(must(await client.writeSettings('4', settings)).sha256).toEqual(settingsHash(settings));
        must(await client.boot('5'));
        expect(device.asked).toEqual(['tpm', 'key p256', 'csr unit', 'certificates', 'settings', 'boot']);
        await client.close();
        await line.leave();
      });
    }
    it('ends with link-lost when the device is unplugged in the middle of a command', async () => {
      const line = await open();
      const device = testDevice();
      serveLink(line.device, device, parts);
      const client = createLinkClient(line.station, parts);
      must(await client.connect());
      device.hold();
      const slow = client.tpm.transmit(new Uint8Array(10));
      must(await client.ping());
      await line.device.close();
      const ended = await within(slow, 'the end of the command');
      expect(ended.ok ? undefined : ended.fault.code).toBe('link-lost');
      await client.close();
      await line.leave();
    });
  });
}

for (const tool of ptyTools) {
  linkExam(`a port host and a pseudo-terminal by ${tool}`, async () => {
    const pty = must(await openPty({ tool }, systemClock));
    const host = openPortHost(hostOptions, parts);
    const station = must(await host.open({ path: pty.path }));
    return {
      station,
      device: pty.stream,
      leave: async () => {
        await host.close();
        await pty.close();
      },
    };
  });
}

linkExam('TCP', async () => {
  const accepted = Promise.withResolvers<ByteStream>();
  const listener = await listenTcpStreams({ host: '127.0.0.1', port: 0 }, systemClock, accepted.resolve);
  const station = must(await openTcpStream({ host: '127.0.0.1', port: listener.port }, systemClock));
  return { station, device: await accepted.promise, leave: () => listener.close() };
});
