import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import {
  createListedCatalog,
  listenTcpStreams,
  openPortHost,
  openPty,
  openSerialPort,
  openTcpStream,
  ptyTools,
  serialFault,
  type PtyTool,
} from '../../src-main/lib/serial/index.ts';
import { byteStreamExam, collect, within, type StreamSeat } from './stream-exam.ts';

const parts = { clock: systemClock, log: silentLog };
const hostOptions = {
  execPath: process.execPath,
  entryPath: join(import.meta.dirname, '../../src-main/lib/serial/port-host-main.ts'),
};

byteStreamExam('a pair in memory', async () => {
  const pair = streamPair();
  return {
    near: pair.near,
    far: pair.far,
    unplug: async () => {
      pair.unplug(serialFault('port-unplugged'));
    },
    leave: () => pair.near.close(),
  };
});

byteStreamExam('a TCP connection', async () => {
  const accepted = Promise.withResolvers<ByteStream>();
  const listener = await listenTcpStreams({ host: '127.0.0.1', port: 0 }, systemClock, accepted.resolve);
  const near = must(await openTcpStream({ host: '127.0.0.1', port: listener.port }, systemClock));
  const far = await accepted.promise;
  return {
    near,
    far,
    unplug: () => far.close(),
    leave: () => Promise.all([near.close(), listener.close()]).then(() => undefined),
  };
});

async function ptySeat(tool: PtyTool, hosted: boolean): Promise<StreamSeat> {
  const pty = must(await openPty({ tool }, systemClock));
  const host = openPortHost(hostOptions, parts);
  const profile = { path: pty.path, dtr: true, rts: false };
  const near = must(hosted ? await host.open(profile) : await openSerialPort(profile, parts));
  const leave = async (): Promise<void> => {
    await near.close();
    await host.close();
    await pty.close();
  };
  return { near, far: pty.stream, unplug: () => pty.close(), leave };
}

for (const tool of ptyTools) {
  byteStreamExam(`a pseudo-terminal by ${tool}`, () => ptySeat(tool, false));
  byteStreamExam(`a port host on a pseudo-terminal by ${tool}`, () => ptySeat(tool, true));

  describe(`a pseudo-terminal by ${tool}`, () => {
    it('survives the station closing and opening it again, under one stable name', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'benchline-pty-'));
      const linkPath = join(folder, 'unit-1');
      const pty = must(await openPty({ tool, linkPath }, systemClock));
      const device = collect(pty.stream);
      for (let opening = 1; opening <= 3; opening += 1) {
        const station = must(await openSerialPort({ path: linkPath }, parts));
        must(await station.write(Uint8Array.of(opening)));
        expect((await device.bytes(opening)).at(-1)).toBe(opening);
        await station.close();
      }
      expect(await readlink(linkPath)).toBe(pty.slavePath);
      await pty.close();
      await expect(readlink(linkPath)).rejects.toThrow('ENOENT');
      await rm(folder, { recursive: true });
    });
  });
}

describe('a port host', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'that gets %s ends its stream with a coded fault and is replaced',
    async (signal) => {
      const pty = must(await openPty({}, systemClock));
      const limits = { pingEveryMs: 50, silentMs: 1_500 };
      const host = openPortHost({ ...hostOptions, limits }, parts);
      const first = must(await host.open({ path: pty.path }));
      const firstPid = host.pid ?? 0;
      const ended = new Promise((resolve) => {
        first.onClose((reason) => {
          resolve(reason?.code);
        });
      });
      process.kill(firstPid, signal);
      expect(await ended).toBe(signal === 'SIGKILL' ? 'port-host-died' : 'port-host-hung');
      expect((await first.write(Uint8Array.of(1))).ok).toBe(false);
      const second = must(await host.open({ path: pty.path }));
      expect(host.pid).not.toBe(firstPid);
      const device = collect(pty.stream);
      must(await second.write(Uint8Array.of(9)));
      expect((await device.bytes(1)).at(-1)).toBe(9);
      await host.close();
      await pty.close();
    },
  );
  it('ends when it is closed, and holds one port at a time', async () => {
    const pty = must(await openPty({}, systemClock));
    const host = openPortHost(hostOptions, parts);
    must(await host.open({ path: pty.path }));
    const again = await host.open({ path: pty.path });
    expect(again.ok ? undefined : again.fault.code).toBe('port-busy');
    const pid = host.pid ?? 0;
    await host.close();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await pty.close();
  });
  it('that was started ahead is the one that opens the port', async () => {
    const pty = must(await openPty({}, systemClock));
    const host = openPortHost(hostOptions, parts);
    await host.start();
    const pid = host.pid ?? 0;
    expect(pid).toBeGreaterThan(0);
    must(await host.open({ path: pty.path }));
    expect(host.pid).toBe(pid);
    await host.close();
    await pty.close();
  });
  it('names the port that is not there, and stays ready for one that is', async () => {
    const host = openPortHost(hostOptions, parts);
    const missing = await host.open({ path: join(tmpdir(), 'no-such-port') });
    expect(missing.ok ? undefined : missing.fault.code).toBe('port-missing');
    const pty = must(await openPty({}, systemClock));
    expect((await host.open({ path: pty.path })).ok).toBe(true);
    await host.close();
    await pty.close();
  });
  it('whose program is missing is a coded fault', async () => {
    const host = openPortHost({ ...hostOptions, execPath: join(tmpdir(), 'no-such-program') }, parts);
    await host.start();
    const opened = await host.open({ path: 'any' });
    expect(opened.ok ? undefined : opened.fault.code).toBe('port-host-died');
    await host.close();
  });
  it('ends with its station, however that one ended', async () => {
    const host = spawn(hostOptions.execPath, [hostOptions.entryPath], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = new Promise((resolve) => host.once('exit', resolve));
    host.stdin.end();
    host.stdout.resume();
    expect(await within(exited, 'the end of the port host')).toBe(0);
  });
  it('does not let two programs have one port', async () => {
    const pty = must(await openPty({}, systemClock));
    const [one, two] = [openPortHost(hostOptions, parts), openPortHost(hostOptions, parts)];
    expect((await one.open({ path: pty.path })).ok).toBe(true);
    const second = await two.open({ path: pty.path });
    expect(second.ok ? undefined : second.fault.code).toBe('port-busy');
    await Promise.all([one.close(), two.close()]);
    await pty.close();
  });
});

describe('other ways in', () => {
  it('a pseudo-terminal whose name is taken by a file is a coded fault, and the file stays', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'benchline-pty-'));
    const linkPath = join(folder, 'taken');
    await writeFile(linkPath, 'mine');
    const pty = await openPty({ linkPath }, systemClock);
    expect(pty.ok ? undefined : pty.fault.code).toBe('pty-unavailable');
    expect(await readFile(linkPath, 'utf8')).toBe('mine');
    await rm(folder, { recursive: true });
  });
  it('an agent that takes a name over keeps it when the former one closes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'benchline-pty-'));
    const linkPath = join(folder, 'unit');
    const first = must(await openPty({ linkPath }, systemClock));
    const second = must(await openPty({ linkPath }, systemClock));
    await first.close();
    expect(await readlink(linkPath)).toBe(second.slavePath);
    await second.close();
    await rm(folder, { recursive: true });
  });
  it('a TCP port where nobody listens is a coded fault', async () => {
    const listener = await listenTcpStreams({ host: '127.0.0.1', port: 0 }, systemClock, () => undefined);
    await listener.close();
    const opened = await openTcpStream({ host: '127.0.0.1', port: listener.port }, systemClock);
    expect(opened.ok ? undefined : opened.fault.code).toBe('tcp-failed');
  });
  it('the list of ports is a list, whatever is plugged in', async () => {
    expect(Array.isArray(await createListedCatalog().list())).toBe(true);
  });
});
