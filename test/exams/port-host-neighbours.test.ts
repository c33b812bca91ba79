import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { openPortHost, openPty } from '../../src-main/lib/serial/index.ts';

const slots = 16;
const exchanges = 25;
const stopped = 6;
const parts = { clock: systemClock, log: silentLog };
// Sixteen programs on two loaded cores answer late; one that is stopped does not answer at all.
const limits = { pingEveryMs: 250, silentMs: 8_000 };
const options = {
  execPath: process.execPath,
  entryPath: join(import.meta.dirname, '../../src-main/lib/serial/port-host-main.ts'),
  limits,
};

/** One question and its answer after another; `onExchange` is told each. */
function converse(stream: ByteStream, count: number, onExchange: (done: number) => void): Promise<number> {
  return new Promise((resolve) => {
    let done = 0;
    const next = (): void => void stream.write(Uint8Array.of(done & 255));
    const stop = stream.onData((bytes) => {
      done += bytes.length;
      onExchange(done);
      if (done < count) {
        next();
        return;
      }
      stop();
      resolve(done);
    });
    next();
  });
}

/** A slot: a unit that answers each byte with itself, and a port host for its adapter. */
async function openSlot() {
  const unit = must(await openPty({}, systemClock));
  unit.stream.onData((bytes) => void unit.stream.write(bytes));
  const host = openPortHost(options, parts);
  const stream = must(await host.open({ path: unit.path }));
  const ends: (string | undefined)[] = [];
  stream.onClose((reason) => ends.push(reason?.code));
  return { unit, host, stream, ends };
}

describe('sixteen port hosts', () => {
  it('go on while one is stopped, which is found out, ended and replaced without them', async () => {
    const bench: Awaited<ReturnType<typeof openSlot>>[] = [];
    // Four at a time: sixteen programs that start at once on two cores would be silent for longer than a stopped one.
    while (bench.length < slots) bench.push(...(await Promise.all(Array.from({ length: 4 }, openSlot))));
    const victim = bench[stopped];
    if (victim === undefined) throw new Error('no such slot');
    const neighbours = bench.filter((slot) => slot !== victim);
    const pid = victim.host.pid ?? 0;
    const found = new Promise((resolve) => {
      victim.stream.onClose((reason) => {
        resolve(reason?.code);
      });
    });
    let reached = 0;
    void converse(victim.stream, exchanges * 1_000, (done) => {
      // In the middle of its exchange.
      if (done === 5) process.kill(pid, 'SIGSTOP');
      reached = done;
    });
    const talks = neighbours.map(({ stream }) => converse(stream, exchanges, () => undefined));
    expect(await Promise.all(talks)).toEqual(Array<number>(slots - 1).fill(exchanges));
    expect(await found).toBe('port-host-hung');
    expect(reached).toBeLessThan(exchanges * 1_000);
    expect(neighbours.flatMap(({ ends }) => ends)).toEqual([]);
    const again = must(await victim.host.open({ path: victim.unit.path }));
    expect(victim.host.pid).not.toBe(pid);
    expect(await converse(again, 3, () => undefined)).toBeGreaterThanOrEqual(3);
    expect(await Promise.all(neighbours.map(({ stream }) => converse(stream, 2, () => undefined)))).toHaveLength(15);
    await Promise.all(bench.map(({ host }) => host.close()));
    await Promise.all(bench.map(({ unit }) => unit.close()));
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
