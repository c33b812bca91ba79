import { systemClock } from '../../../src-main/lib/base/host.ts';
import { silentLog } from '../../../src-main/lib/base/log.ts';
import { must } from '../../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../../src-main/lib/base/stream.ts';
import { createListedCatalog, openPty, openSerialPort } from '../../../src-main/lib/serial/index.ts';
import { tell, unmet } from './tell.ts';

const limitMs = 10_000;

function hears(stream: ByteStream, length: number): Promise<string> {
  return new Promise((resolve) => {
    let heard = Buffer.alloc(0);
    const cancel = systemClock.after(limitMs, () => {
      resolve('nothing in time');
    });
    stream.onData((bytes) => {
      heard = Buffer.concat([heard, bytes]);
      if (heard.length < length) return;
      cancel();
      resolve(heard.toString());
    });
  });
}

const pty = must(await openPty({}, systemClock));
const port = must(await openSerialPort({ path: pty.path }, { clock: systemClock, log: silentLog }));
const atDevice = hears(pty.stream, 5);
const atStation = hears(port, 6);
must(await port.write(Buffer.from('hello')));
must(await pty.stream.write(Buffer.from('answer')));
const heard = { device: await atDevice, station: await atStation };
const missing = await openSerialPort({ path: '/dev/no-such-port' }, { clock: systemClock, log: silentLog });
const ports = await createListedCatalog().list();
await port.close();
await pty.close();

tell(
  unmet([
    { what: `the device hears the station, got ${heard.device}`, holds: heard.device === 'hello' },
    { what: `the station hears the device, got ${heard.station}`, holds: heard.station === 'answer' },
    { what: 'a port that is not there is a fault', holds: !missing.ok && missing.fault.code === 'port-missing' },
    { what: 'ports can be listed', holds: Array.isArray(ports) },
  ]),
);
