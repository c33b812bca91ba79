import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { byteStreamOf } from './node-ends.ts';
import { serialFault } from './faults.ts';

const streamOver = (release: () => Promise<void>) => {
  const clock = manualClock();
  const ends = {
    readable: new PassThrough(),
    writable: new PassThrough(),
    release,
    lost: () => serialFault('port-closed'),
  };
  return { clock, stream: byteStreamOf(ends, clock) };
};

describe('the close of a port', () => {
  it('leaves no timer behind once the driver has let go', async () => {
    const { clock, stream } = streamOver(async () => undefined);
    await stream.close();
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer behind when the driver refuses to let go, and says so', async () => {
    const { clock, stream } = streamOver(() => Promise.reject(new Error('busy')));
    await expect(stream.close()).rejects.toThrow('busy');
    expect(clock.pending).toBe(0);
  });

  it('does not wait for ever for a driver that hangs', async () => {
    const { clock, stream } = streamOver(() => new Promise(() => undefined));
    const closed = stream.close().then(() => 'closed');
    await clock.advance(3_000);
    expect(await closed).toBe('closed');
  });
});
