import { describe, expect, it } from 'vitest';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { createClient, type StationPort } from './client.ts';

const view = {
  stationId: 'bench-07',
  version: '0.1.0',
  operator: 'Ada',
  target: { name: 't', idScope: '0ne', state: 'online', pending: 0, parked: 0, sent: 0, sinceMs: 1, embedded: true },
  slots: 4,
  virtualBench: false,
};

function portOf(answer: (name: string, payload: unknown) => unknown) {
  const asked: { name: string; payload: unknown }[] = [];
  let hear: (message: unknown) => void = () => undefined;
  const port: StationPort = {
    call: async (name, payload) => {
      asked.push({ name, payload });
      return answer(name, payload);
    },
    listen(listener) {
      hear = listener;
      return () => (hear = () => undefined);
    },
  };
  return { port, asked, tell: (message: unknown) => hear(message) };
}

describe('a call', () => {
  it('gives the value that the schema of the contract has read', async () => {
    const { port, asked } = portOf(() => ({ ok: true, value: { ...view, unknown: 'dropped' } }));
    const answer = await createClient(port, manualClock()).call('station.get', {});
    expect(answer).toEqual({ ok: true, value: view });
    expect(asked).toEqual([{ name: 'station.get', payload: {} }]);
  });

  it('hands on a fault of the station as it is', async () => {
    const fault = { code: 'no-slot', say: 'No slot is ready.', hint: 'Plug a unit in.' };
    const { port } = portOf(() => ({ ok: false, fault }));
    expect(await createClient(port, manualClock()).call('bench.scan', { text: 'SN-1' })).toEqual({ ok: false, fault });
  });

  it('refuses an input that the contract refuses, before anything is sent', async () => {
    const { port, asked } = portOf(() => ({ ok: true, value: view }));
    const answer = await createClient(port, manualClock()).call('operator.set', { name: '   ' });
    expect(answer).toMatchObject({ ok: false, fault: { code: 'input-unreadable' } });
    expect(asked).toEqual([]);
  });

  it.each([
    ['not an envelope', 'station'],
    ['an envelope without a value that fits', { ok: true, value: { stationId: 7 } }],
    ['a fault without words', { ok: false, fault: { code: 'x' } }],
  ])('says in words that it cannot read %s', async (_name, raw) => {
    const { port } = portOf(() => raw);
    const answer = await createClient(port, manualClock()).call('station.get', {});
    expect(answer).toMatchObject({ ok: false, fault: { code: 'answer-unreadable' } });
  });

  it('says that the station does not answer when the shell rejects, and tells nothing of why', async () => {
    const { port } = portOf(() => {
      throw new Error('secret path');
    });
    const answer = await createClient(port, manualClock()).call('station.get', {});
    expect(answer).toMatchObject({ ok: false, fault: { code: 'station-unreachable' } });
    expect(JSON.stringify(answer)).not.toContain('secret');
  });

  it('gives up after its time, so that no button stays busy for ever', async () => {
    const clock = manualClock();
    const { port } = portOf(() => new Promise(() => undefined));
    const answer = createClient(port, clock).call('station.get', {});
    await clock.advance(20_000);
    expect(await answer).toMatchObject({ ok: false, fault: { code: 'answer-late' } });
  });

  it('fails in words where there is no station at all', async () => {
    const answer = await createClient(undefined, manualClock()).call('station.get', {});
    expect(answer).toMatchObject({ ok: false, fault: { code: 'station-unreachable' } });
  });
});

describe('an event', () => {
  it('reaches who listens for its name, and nobody after the end', () => {
    const { port, tell } = portOf(() => undefined);
    const heard: string[] = [];
    const stop = createClient(port, manualClock()).on('station.changed', (station) => heard.push(station.stationId));
    tell({ name: 'station.changed', payload: view });
    tell({ name: 'rows.changed', payload: { units: true, outbox: true, service: true } });
    stop();
    tell({ name: 'station.changed', payload: view });
    expect(heard).toEqual(['bench-07']);
  });

  it.each([['nothing'], [undefined], [{ name: 'station.changed', payload: { stationId: '' } }], [{ payload: view }]])(
    'is dropped when it cannot be read: %j',
    (message) => {
      const { port, tell } = portOf(() => undefined);
      const heard: unknown[] = [];
      createClient(port, manualClock()).on('station.changed', (station) => heard.push(station));
      tell(message);
      expect(heard).toEqual([]);
    },
  );
});
