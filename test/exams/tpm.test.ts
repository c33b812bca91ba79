import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTpm, type TpmChoice } from '../../src-main/agent/tpm/open-tpm.ts';
import type { OpenedTpm } from '../../src-main/agent/tpm/opened-tpm.ts';
import { concatBytes, uint16, uint32 } from '../../src-main/lib/base/bytes.ts';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { provePossession, readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../src-main/lib/tpm/registration-id.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { sized } from '../../src-main/lib/tpm/wire.ts';
import { tpmExam } from './tpm.exam.ts';

const run = promisify(execFile);

tpmExam('swtpm', async (folder, ekCertificate) => {
  const opened = must(await openTpm({ kind: 'swtpm', stateDir: folder }, systemClock));
  if (ekCertificate !== undefined) await writeNv(opened, ekCertificate);
  return opened;
});

tpmExam('software TPM', async (folder, ekCertificate) => {
  await mkdir(folder, { recursive: true });
  const certificate = ekCertificate === undefined ? {} : { ekCertificate };
  return must(await openTpm({ kind: 'software', stateFile: join(folder, 'state.json'), ...certificate }, systemClock));
});

/** TPM2_NV_DefineSpace and TPM2_NV_Write as owner: what a maker does before a TPM is sold. */
async function writeNv(opened: OpenedTpm, contents: Uint8Array): Promise<void> {
  const index = uint32(0x01c00002);
  const password = concatBytes(uint32(9), uint32(0x40000009), uint16(0), Uint8Array.of(0), uint16(0));
  const owner = uint32(0x40000001);
  // ownerWrite, ownerRead, authRead, noDA
  const area = concatBytes(index, uint16(0x000b), uint32(0x02060002), uint16(0), uint16(contents.length));
  const send = async (code: number, body: Uint8Array): Promise<void> => {
    const command = concatBytes(uint16(0x8002), uint32(10 + body.length), uint32(code), body);
    const answer = must(await opened.transport.transmit(command));
    expect(Buffer.from(answer.subarray(6, 10)).toString('hex')).toBe('00000000');
  };
  await send(0x12a, concatBytes(owner, password, uint16(0), sized(area)));
  for (let offset = 0; offset < contents.length; offset += 512) {
    const piece = sized(contents.subarray(offset, offset + 512));
    await send(0x137, concatBytes(owner, index, password, piece, uint16(offset)));
  }
}

let folder = '';
const opened: OpenedTpm[] = [];
const open = async (choice: TpmChoice): Promise<OpenedTpm> => {
  const one = must(await openTpm(choice, systemClock));
  opened.push(one);
  return one;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tpm-'));
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Two free ports in a row on the loopback: swtpm's control channel is the second. Below the range from which the system
 * gives its own, so that no connection of another test takes one meanwhile.
 */
async function freePorts(): Promise<number> {
  for (let port = 20_000 + ((process.pid * 2) % 10_000); port < 32_000; port += 2) {
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
  throw new Error('no two free ports in a row');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

async function until(fact: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) {
    if (await fact()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not become so');
}

describe('swtpm', () => {
  it('holds an EK that tpm2_readpublic hashes to the same registration id', async () => {
    const ours = await open({ kind: 'swtpm', stateDir: folder });
    const { ek } = must(await readTpmIdentity(createTpm(ours.transport, systemClock)));
    await ours.close();
    const port = await freePorts();
    const channel = (number: number): string => `type=tcp,port=${String(number)},bindaddr=127.0.0.1`;
    const swtpm = spawn(
      'swtpm',
      [
        'socket',
        '--tpm2',
        '--tpmstate',
        `dir=${folder}`,
        '--server',
        channel(port),
        '--ctrl',
        channel(port + 1),
      ].concat(['--flags', 'not-need-init,startup-clear']),
      { stdio: 'ignore' },
    );
    const ended = once(swtpm, 'close');
    const file = join(folder, 'ek.pub');
    const tool = ['-T', `swtpm:host=127.0.0.1,port=${String(port)}`, '-c', '0x81010001', '-f', 'tss', '-o', file];
    const isRead = async (): Promise<boolean> =>
      run('tpm2_readpublic', tool).then(
        () => true,
        () => false,
      );
    await until(isRead);
    swtpm.kill();
    await ended;
    expect(Buffer.compare(await readFile(file), ek)).toBe(0);
    expect(registrationIdFromEk(await readFile(file))).toBe(registrationIdFromEk(ek));
  });

  it('is a coded fault where it is not installed, never another TPM', async () => {
    const choice = { kind: 'swtpm', stateDir: folder, binary: 'swtpm-that-is-not-there' } as const;
    expect(await openTpm(choice, systemClock)).toMatchObject({ ok: false, fault: { code: 'tpm-swtpm-missing' } });
  });

  it('is a coded fault where its state folder cannot be made', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const answer = await openTpm({ kind: 'swtpm', stateDir: join(file, 'state') }, systemClock);
    expect(answer).toMatchObject({ fault: { code: 'tpm-swtpm-failed' } });
  });

  it('works over TCP and behind a socket address as well', async () => {
    const port = await freePorts();
    const first = await open({ kind: 'swtpm', stateDir: folder, port });
    const { ek } = must(await readTpmIdentity(createTpm(first.transport, systemClock)));
    await first.close();
    const path = join(folder, 'own.sock');
    const arguments_ = ['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--flags', 'not-need-init,startup-clear'];
    const swtpm = spawn('swtpm', [...arguments_, '--server', `type=unixio,path=${path}`], { stdio: 'ignore' });
    const ended = once(swtpm, 'close');
    await until(() =>
      access(path).then(
        () => true,
        () => false,
      ),
    );
    const second = await open({ kind: 'swtpm-socket', address: { path } });
    const again = must(await readTpmIdentity(createTpm(second.transport, systemClock)));
    await second.close();
    swtpm.kill();
    await ended;
    expect(again.ek).toEqual(ek);
    const gone = await openTpm({ kind: 'swtpm-socket', address: { path } }, systemClock);
    expect(gone).toMatchObject({ fault: { code: 'tpm-link-down' } });
  });

  it('that an earlier agent left behind is ended, and its state goes on', async () => {
    const earlier = await open({ kind: 'swtpm', stateDir: folder });
    const { ek } = must(await readTpmIdentity(createTpm(earlier.transport, systemClock)));
    await earlier.close();
    const control = join(folder, 'ctrl.sock');
    const channels = [
      '--server',
      `type=unixio,path=${join(folder, 'tpm.sock')}`,
      '--ctrl',
      `type=unixio,path=${control}`,
    ];
    const state = ['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--flags', 'not-need-init,startup-clear'];
    const stranded = spawn('swtpm', [...state, ...channels], { stdio: 'ignore' });
    const ended = once(stranded, 'close');
    await until(() =>
      access(control).then(
        () => true,
        () => false,
      ),
    );
    const next = await open({ kind: 'swtpm', stateDir: folder });
    expect(must(await readTpmIdentity(createTpm(next.transport, systemClock))).ek).toEqual(ek);
    await ended;
  });

  it('takes a state folder whose path is too long for a socket', async () => {
    const stateDir = join(folder, 'd'.repeat(60), 'e'.repeat(60));
    const one = await open({ kind: 'swtpm', stateDir });
    expect(must(await createTpm(one.transport, systemClock).random(3)).length).toBe(3);
  });

  it('ends with an agent that is killed', async () => {
    const part = (path: string): string => JSON.stringify(new URL(`../../src-main/${path}`, import.meta.url).href);
    const script = `
      import { openTpm } from ${part('agent/tpm/open-tpm.ts')};
      import { systemClock } from ${part('lib/base/host.ts')};
      const opened = await openTpm({ kind: 'swtpm', stateDir: ${JSON.stringify(folder)} }, systemClock);
      process.stdout.write(opened.ok ? 'open' : opened.fault.code);
      setInterval(() => undefined, 1000);`;
    const agent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [said] = (await once(agent.stdout, 'data')) as [Buffer];
    const isRunning = async (): Promise<boolean> => {
      const { stdout } = await run('ps', ['-C', 'swtpm', '-o', 'args']);
      return stdout.includes(folder);
    };
    const wasRunning = await isRunning();
    agent.kill('SIGKILL');
    await until(async () => !(await isRunning().catch(() => false)));
    expect([said.toString(), wasRunning]).toEqual(['open', true]);
    expect(await isRunning().catch(() => false)).toBe(false);
  });

  it('is gone after close, and says so', async () => {
    const one = await open({ kind: 'swtpm', stateDir: folder });
    await Promise.all([one.close(), one.close()]);
    expect(await createTpm(one.transport, systemClock).random(1)).toMatchObject({ fault: { code: 'tpm-link-down' } });
    const { stdout } = await run('ps', ['-eo', 'args']);
    expect(stdout).not.toContain(folder);
  });
});

describe('software TPM', () => {
  const stateFile = (): string => join(folder, 'state.json');

  it('keeps its state for its owner alone', async () => {
    const one = await open({ kind: 'software', stateFile: stateFile() });
    must(await readTpmIdentity(createTpm(one.transport, systemClock)));
    expect((await stat(stateFile())).mode & 0o777).toBe(0o600);
  });

  it('can be a second unit with the same EK', async () => {
    const first = await open({ kind: 'software', stateFile: stateFile() });
    const { ek } = must(await readTpmIdentity(createTpm(first.transport, systemClock)));
    await copyFile(stateFile(), join(folder, 'twin.json'));
    const twin = await open({ kind: 'software', stateFile: join(folder, 'twin.json') });
    expect(must(await readTpmIdentity(createTpm(twin.transport, systemClock))).ek).toEqual(ek);
  });

  it('answers late when it is told to, by the clock', async () => {
    const clock = manualClock();
    const slow = must(await openTpm({ kind: 'software', stateFile: stateFile(), answerDelayMs: 15_000 }, clock));
    let length = 0;
    const asked = createTpm(slow.transport, clock)
      .random(9)
      .then((answer) => (length = must(answer).length));
    await until(() => Promise.resolve(clock.pending > 0));
    await clock.advance(14_999);
    expect(length).toBe(0);
    await clock.advance(1);
    await asked;
    expect(length).toBe(9);
  });

  it.each(['', '{', '{"format":"other"}', '[]'])('refuses the state file %j and leaves it alone', async (text) => {
    await writeFile(stateFile(), text);
    const answer = await openTpm({ kind: 'software', stateFile: stateFile() }, systemClock);
    expect(answer).toMatchObject({ fault: { code: 'tpm-state-unreadable' } });
    expect(await readFile(stateFile(), 'utf8')).toBe(text);
  });

  it('says so when its state cannot be written', async () => {
    const answer = await openTpm({ kind: 'software', stateFile: join(folder, 'none', 'state.json') }, systemClock);
    expect(answer).toMatchObject({ fault: { code: 'tpm-state-unwritable' } });
  });

  it('answers any bytes with a response code', async () => {
    const { transport } = await open({ kind: 'software', stateFile: stateFile() });
    for (let round = 0; round < 300; round += 1) {
      const body = systemRandom.bytes(round % 60);
      const code =
        [0x131, 0x147, 0x151, 0x155, 0x156, 0x157, 0x15b, 0x15c, 0x17a, 0x14e, 0x120, 0x176][round % 12] ?? 0;
      const framed = concatBytes(uint16(0x8001 + (round % 2)), uint32(10 + body.length), uint32(code), body);
      const answer = must(await transport.transmit(round % 5 === 0 ? systemRandom.bytes(10 + round) : framed));
      expect(answer.length).toBeGreaterThanOrEqual(10);
    }
  });
});

describe('device node', () => {
  it.each([
    ['a file that is not there', '/dev/tpm-that-is-not-there', 'tpm-device-missing'],
    ['a folder', '/dev', 'tpm-link-down'],
  ])('refuses %s', async (_what, path, code) => {
    expect(await openTpm({ kind: 'device', path }, systemClock)).toMatchObject({ fault: { code } });
  });

  it('refuses an ordinary file and leaves it alone', async () => {
    const path = join(folder, 'notes');
    await writeFile(path, 'notes');
    expect(await openTpm({ kind: 'device', path }, systemClock)).toMatchObject({ fault: { code: 'tpm-link-down' } });
    expect(await readFile(path, 'utf8')).toBe('notes');
  });

  it.each(['/dev/null', '/dev/zero'])('takes nothing from %s for an answer', async (path) => {
    const { transport } = await open({ kind: 'device', path });
    const answer = await createTpm(transport, systemClock).random(1);
    expect(answer).toMatchObject({ fault: { code: 'tpm-link-malformed' } });
  });
});

// socat puts a terminal, which is a character device, in front of swtpm; hardware is not needed for this exam.
const hasSocat = ((): boolean => {
  try {
    execFileSync('socat', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasSocat)('device node in front of swtpm (needs socat)', () => {
  it('carries the same TPM', async () => {
    const path = join(folder, 'own.sock');
    const tty = join(folder, 'tpm0');
    const state = ['socket', '--tpm2', '--tpmstate', `dir=${folder}`, '--flags', 'not-need-init,startup-clear'];
    const swtpm = spawn('swtpm', [...state, '--server', `type=unixio,path=${path}`], { stdio: 'ignore' });
    const swtpmEnded = once(swtpm, 'close');
    await until(() =>
      access(path).then(
        () => true,
        () => false,
      ),
    );
    const socat = spawn('socat', [`PTY,link=${tty},raw,echo=0`, `UNIX-CONNECT:${path}`], { stdio: 'ignore' });
    const socatEnded = once(socat, 'close');
    await until(() =>
      access(tty).then(
        () => true,
        () => false,
      ),
    );
    const tpm = createTpm((await open({ kind: 'device', path: tty })).transport, systemClock);
    const identity = must(await readTpmIdentity(tpm));
    const proof = await provePossession(tpm, identity, systemRandom);
    swtpm.kill();
    socat.kill();
    await Promise.all([swtpmEnded, socatEnded]);
    expect(proof.ok).toBe(true);
    expect(await tpm.random(1)).toMatchObject({ ok: false });
  });
});
