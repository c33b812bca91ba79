import { Aedes } from 'aedes';
import { expect, it } from 'vitest';
import { keepNoOutgoing } from './mqtt-outgoing.ts';

it('the broker keeps no message, and one whose keepers are called otherwise is refused at the start', async () => {
  const broker = await Aedes.createBroker();
  keepNoOutgoing(broker);
  const { persistence } = broker as unknown as { persistence: Record<string, (...asked: unknown[]) => unknown> };
  const packet = {
    cmd: 'publish',
    topic: 't',
    payload: Buffer.from('x'),
    qos: 1,
    brokerId: broker.id,
    brokerCounter: 1,
  };
  await persistence['outgoingEnqueue']!({ clientId: 'c', topic: 't', qos: 1 }, packet);
  const kept: unknown[] = [];
  for await (const one of persistence['outgoingStream']!({ id: 'c' }) as AsyncIterable<unknown>) kept.push(one);
  expect(kept).toEqual([]);
  persistence['outgoingUpdate'] = undefined!;
  expect(() => keepNoOutgoing(broker)).toThrow('aedes has no outgoingUpdate any more');
  await new Promise<void>((resolve) => {
    broker.close(resolve);
  });
});
