import { describe, expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import type { Fault } from '../lib/base/fault.ts';
import { silentLog } from '../lib/base/log.ts';
import { createStationHost, type StationProcess } from './station-host.ts';

interface ScriptedStation extends StationProcess {
  readonly posted: { id: number; name: string; payload: unknown }[];
  say(message: unknown): void;
  end(code: number): void;
  refuse(fault: Fault): void;
  readonly acts: string[];
}

function scriptedStation(): ScriptedStation {
  let hear: (message: unknown) => void = () => undefined;
  let end: (code: number) => void = () => undefined;
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const posted: ScriptedStation['posted'] = [];
  const acts: string[] = [];
  let refusal: Fault | undefined;
  return {
    refusal: () => refusal,
    refuse: (fault) => {
      refusal = fault;
    },
    posted,
    acts,
    ended,
    post: (message) => void posted.push(message as ScriptedStation['posted'][number]),
    listen: (listener) => {
      hear = listener;
    },
    say: (message) => {
      hear(message);
    },
    end: (code) => {
      end(code);
    },
    terminate: () => void acts.push('terminate'),
    kill: () => {
      acts.push('kill');
      end(137);
    },
  };
}

function setUp() {
  const clock = manualClock();
  const stations: ScriptedStation[] = [];
  const host = createStationHost({
    fork: () => {
      const station = scriptedStation();
      stations.push(station);
      return station;
    },
    clock,
    random: { bytes: (count) => new Uint8Array(count), uuid: () => 'id', fraction: () => 0 },
    log: silentLog,
  });
  const station = (at: number): ScriptedStation => {
    const found = stations[at];
    if (found === undefined) throw new Error(`station ${at} was not started`);
    return found;
  };
  return { clock, host, stations, station };
}

describe('the station host', () => {
  it('gives each answer to the question with its number', async () => {
    const { host, station } = setUp();
    host.start();
    const first = host.ask('station.get', {});
    const second = host.ask('bench.get', { a: 1 });
    expect(station(0).posted.map(({ id, name, payload }) => [id, name, payload])).toEqual([
      [1, 'station.get', {}],
      [2, 'bench.get', { a: 1 }],
    ]);
    station(0).say({ kind: 'response', id: 2, result: { ok: true, value: 'two' } });
    station(0).say({ kind: 'response', id: 1, result: { ok: true, value: 'one' } });
    expect(await first).toEqual({ ok: true, value: 'one' });
    expect(await second).toEqual({ ok: true, value: 'two' });
  });

  it('passes on a fault of the station as data', async () => {
    const { host, station } = setUp();
    host.start();
    const asked = host.ask('bench.scan', { text: 'A1' });
    const fault = { code: 'batch-missing', say: 'No batch is open.', hint: 'Open one.' };
    station(0).say({ kind: 'response', id: 1, result: { ok: false, fault } });
    expect(await asked).toEqual({ ok: false, fault });
  });

  it('answers at once where no station runs', async () => {
    const { host } = setUp();
    expect(await host.ask('station.get', {})).toMatchObject({ ok: false, fault: { code: 'station-down' } });
  });

  it('answers every open question when the station ends, and starts it again with growing pauses', async () => {
    const { clock, host, stations, station } = setUp();
    host.start();
    const asked = host.ask('station.get', {});
    station(0).end(1);
    expect(await asked).toMatchObject({ ok: false, fault: { code: 'station-lost' } });
    expect(await host.ask('station.get', {})).toMatchObject({ ok: false, fault: { code: 'station-down' } });
    await clock.advance(124);
    expect(stations).toHaveLength(1);
    await clock.advance(1);
    expect(stations).toHaveLength(2);
    station(1).end(1);
    await clock.advance(249);
    expect(stations).toHaveLength(2);
    await clock.advance(1);
    expect(stations).toHaveLength(3);
  });

  it('forgets the pauses once a station has run for a minute', async () => {
    const { clock, host, stations, station } = setUp();
    host.start();
    for (const [at, pauseMs] of [125, 250, 500].entries()) {
      station(at).end(1);
      await clock.advance(pauseMs);
    }
    expect(stations).toHaveLength(4);
    await clock.advance(60_001);
    station(3).end(1);
    await clock.advance(125);
    expect(stations).toHaveLength(5);
  });

  it('tells its listeners what the station says by itself, and ignores an answer nobody waits for', () => {
    const { host, station } = setUp();
    const heard: unknown[] = [];
    host.listen((event) => void heard.push(event));
    host.start();
    station(0).say({ kind: 'event', name: 'rows.changed', payload: {} });
    station(0).say({ kind: 'response', id: 77, result: { ok: true, value: 1 } });
    expect(heard).toEqual([{ kind: 'event', name: 'rows.changed', payload: {} }]);
  });

  it('tells its listeners that the station was lost, so that nobody waits for what it would have said', async () => {
    const { host, station } = setUp();
    const heard: unknown[] = [];
    host.listen((event) => void heard.push(event));
    host.start();
    station(0).end(137);
    await station(0).ended;
    expect(heard).toEqual([{ kind: 'event', name: 'station.lost', payload: {} }]);
  });

  it('drops a message larger than the border takes', () => {
    const { host, station } = setUp();
    const heard: unknown[] = [];
    host.listen((event) => void heard.push(event));
    host.start();
    station(0).say({ kind: 'event', name: 'rows.changed', payload: 'x'.repeat(1_048_577) });
    expect(heard).toEqual([]);
  });

  it('refuses to pile up questions that nobody answers', async () => {
    const { host } = setUp();
    host.start();
    for (let count = 0; count < 256; count += 1) void host.ask('station.get', {});
    expect(await host.ask('station.get', {})).toMatchObject({ ok: false, fault: { code: 'calls-piled-up' } });
  });

  it('asks the station to stop, ends it when it does not, and does not start it again', async () => {
    const { clock, host, stations, station } = setUp();
    host.start();
    let stopped = false;
    const stop = host.stop().then(() => {
      stopped = true;
    });
    await clock.advance(10_999);
    expect({ stopped, acts: station(0).acts }).toEqual({ stopped: false, acts: ['terminate'] });
    await clock.advance(1);
    await stop;
    expect(station(0).acts).toEqual(['terminate', 'kill']);
    await clock.advance(60_000);
    expect(stations).toHaveLength(1);
  });

  it('tells why the station does not start, and goes on trying: another program may let go of what it needs', async () => {
    const { clock, host, stations, station } = setUp();
    const inUse = { code: 'data-folder-in-use', say: 'It is in use.', hint: 'Close the other.' };
    host.start();
    station(0).end(1);
    await station(0).ended;
    station(0).refuse(inUse);
    expect(await host.ask('station.get', {})).toEqual({ ok: false, fault: inUse });
    await clock.advance(125);
    expect(stations).toHaveLength(2);
  });

  it('does not start a station again that was asked wrongly', async () => {
    const { clock, host, stations, station } = setUp();
    const wrong = { code: 'option-wrong', say: 'The option is not right.', hint: 'See --help.' };
    host.start();
    station(0).refuse(wrong);
    station(0).end(2);
    await clock.advance(600_000);
    expect(stations).toHaveLength(1);
    expect(await host.ask('station.get', {})).toEqual({ ok: false, fault: wrong });
    await host.stop();
  });

  it('stops while it waits for the next start', async () => {
    const { clock, host, stations, station } = setUp();
    host.start();
    station(0).end(1);
    await clock.advance(0);
    await host.stop();
    await clock.advance(60_000);
    expect(stations).toHaveLength(1);
  });
});
