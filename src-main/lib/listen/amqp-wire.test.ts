import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { manualClock } from '../base/clock.ts';
import { createAmqpWire } from './amqp-wire.ts';

function bed() {
  const taken: { readonly bytes: number; readonly take: () => void }[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, take) {
      taken.push({ bytes: chunk.length, take });
    },
  });
  const clock = manualClock();
  let drains = 0;
  const wire = createAmqpWire({ stream, clock, drained: () => (drains += 1) });
  return { taken, stream, clock, wire, drains: () => drains };
}

it('megabytes written in one turn wait for their reader, and what is written meanwhile waits for them', async () => {
  const { taken, stream, wire, clock, drains } = bed();
  for (let part = 0; part < 6; part += 1) wire.write(Buffer.alloc(250_000));
  await turn();
  wire.write(Buffer.alloc(10));
  await turn();
  expect([taken.map(({ bytes }) => bytes), wire.unsentBytes, stream.destroyed]).toEqual([
    [1_500_000],
    1_500_010,
    false,
  ]);
  await clock.advance(29_999);
  taken[0]?.take();
  await turn();
  expect([taken.map(({ bytes }) => bytes), drains()]).toEqual([[1_500_000, 10], 1]);
  taken[1]?.take();
  await clock.advance(60_000);
  expect([wire.unsentBytes, stream.destroyed]).toEqual([0, false]);
});

it('a reader that takes nothing for 30 s is cut, however often it is written to', async () => {
  const { stream, wire, clock } = bed();
  wire.write(Buffer.alloc(100_000));
  await turn();
  await clock.advance(29_999);
  wire.write(Buffer.alloc(100));
  await turn();
  expect(stream.destroyed).toBe(false);
  await clock.advance(1);
  expect(stream.destroyed).toBe(true);
});

it('a reader is cut at once when more than 4 MiB wait for it', () => {
  const { stream, wire } = bed();
  for (let part = 0; part < 4; part += 1) wire.write(Buffer.alloc(1_048_576));
  expect(stream.destroyed).toBe(false);
  wire.write(Buffer.alloc(1));
  expect(stream.destroyed).toBe(true);
});
