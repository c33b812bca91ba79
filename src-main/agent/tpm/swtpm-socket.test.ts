import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, uint16, uint32 } from '../../lib/base/bytes.ts';
import { manualClock } from '../../lib/base/clock.ts';
import { systemClock } from '../../lib/base/host.ts';
import { must } from '../../lib/base/result.ts';
import type { OpenedTpm } from './opened-tpm.ts';
import { openSwtpmSocket } from './swtpm-socket.ts';

const command = (code: number): Uint8Array => concatBytes(uint16(0x8001), uint32(10), uint32(code));
const answer = (...body: number[]): Uint8Array =>
  concatBytes(uint16(0x8001), uint32(10 + body.length), uint32(0), Uint8Array.from(body));

let folder = '';
let server: Server;
let tpm: OpenedTpm | undefined;
let lines: Socket[] = [];
let received: number[] = [];

async function until(fact: () => boolean): Promise<void> {
  for (let turn = 0; turn < 400 && !fact(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(fact()).toBe(true);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tpm-socket-'));
  [lines, received, tpm] = [[], [], undefined];
  server = createServer((line) => {
    lines.push(line);
    line.on('error', () => undefined);
    line.on('data', (bytes) => received.push(bytes.readUInt32BE(6)));
  }).listen(join(folder, 's'));
  await once(server, 'listening');
});
afterEach(async () => {
  await tpm?.close();
  for (const line of lines) line.destroy();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const address = (): { path: string } => ({ path: join(folder, 's') });

describe('a TPM behind a socket', () => {
  it('gives an answer whole that comes byte by byte', async () => {
    tpm = must(await openSwtpmSocket({ address: address() }, systemClock));
    const asked = tpm.transport.transmit(command(1));
    await until(() => received.length === 1);
    for (const byte of answer(7, 8, 9)) lines[0]!.write(Uint8Array.of(byte));
    expect(must(await asked)).toEqual(answer(7, 8, 9));
  });

  it('drops the late answer to a cancelled command and only then sends the next one', async () => {
    tpm = must(await openSwtpmSocket({ address: address() }, systemClock));
    const stop = new AbortController();
    const first = tpm.transport.transmit(command(1), stop.signal);
    await until(() => received.length === 1);
    stop.abort();
    expect(await first).toMatchObject({ fault: { code: 'tpm-link-cancelled' } });
    const second = tpm.transport.transmit(command(2));
    expect(received).toEqual([1]);
    lines[0]!.write(answer(1));
    await until(() => received.length === 2);
    lines[0]!.write(answer(2));
    expect(must(await second)).toEqual(answer(2));
  });

  it('gives up after its time, and again while the answer is still owed', async () => {
    const clock = manualClock();
    tpm = must(await openSwtpmSocket({ address: address(), answerTimeoutMs: 1_000 }, clock));
    const first = tpm.transport.transmit(command(1));
    await until(() => received.length === 1);
    await clock.advance(1_000);
    const second = tpm.transport.transmit(command(2));
    await until(() => clock.pending === 1);
    await clock.advance(1_000);
    expect(await first).toMatchObject({ fault: { code: 'tpm-link-timeout', detail: { seconds: 1 } } });
    expect(await second).toMatchObject({ fault: { code: 'tpm-link-timeout' } });
    expect([received, clock.pending]).toEqual([[1], 0]);
    await expect(closedBy(clock)).resolves.toBe(true);
  });

  it.each([
    ['a size below a header', concatBytes(uint16(0x8001), uint32(9), uint32(0))],
    ['a size above a TPM buffer', concatBytes(uint16(0x8001), uint32(4_097), uint32(0))],
    ['more than it announces', concatBytes(answer(1), Uint8Array.of(0))],
  ])('refuses %s, and dials again for the next command', async (_what, bytes) => {
    tpm = must(await openSwtpmSocket({ address: address() }, systemClock));
    const asked = tpm.transport.transmit(command(1));
    await until(() => received.length === 1);
    lines[0]!.write(bytes);
    expect(await asked).toMatchObject({ fault: { code: 'tpm-link-malformed' } });
    await expectAnswersAfresh();
  });

  it('says that the line is down when it is cut in an answer, and dials again', async () => {
    tpm = must(await openSwtpmSocket({ address: address() }, systemClock));
    const asked = tpm.transport.transmit(command(1));
    await until(() => received.length === 1);
    lines[0]!.end(answer(1).subarray(0, 5));
    expect(await asked).toMatchObject({ fault: { code: 'tpm-link-down' } });
    await expectAnswersAfresh();
  });

  it('refuses a command that is none, and more commands than may wait', async () => {
    tpm = must(await openSwtpmSocket({ address: address() }, systemClock));
    const { transport } = tpm;
    expect(await transport.transmit(new Uint8Array(9))).toMatchObject({ fault: { code: 'tpm-command-size' } });
    expect(await transport.transmit(new Uint8Array(4_097))).toMatchObject({ fault: { code: 'tpm-command-size' } });
    const waiting = Array.from({ length: 16 }, (_, at) => transport.transmit(command(at)));
    expect(await transport.transmit(command(99))).toMatchObject({ fault: { code: 'tpm-link-full' } });
    await tpm.close();
    const codes = (await Promise.all(waiting)).map((result) => (result.ok ? 'answered' : result.fault.code));
    expect(new Set(codes)).toEqual(new Set(['tpm-link-down']));
  });

  it('says that nobody listens', async () => {
    const nobody = await openSwtpmSocket({ address: { path: join(folder, 'none') } }, systemClock);
    expect(nobody).toMatchObject({ fault: { code: 'tpm-link-down', detail: { reason: 'ENOENT' } } });
  });
});

async function closedBy(clock: ReturnType<typeof manualClock>): Promise<boolean> {
  const closed = tpm?.close();
  await until(() => clock.pending === 1);
  await clock.advance(2_000);
  await closed;
  return true;
}

async function expectAnswersAfresh(): Promise<void> {
  const asked = tpm!.transport.transmit(command(5));
  await until(() => received.includes(5));
  lines[1]!.write(answer(5));
  expect(must(await asked)).toEqual(answer(5));
}
