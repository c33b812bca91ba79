import { describe, expect, it } from 'vitest';
import { utf8 } from '../lib/base/bytes.ts';
import { manualClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/host.ts';
import { createDirectMethods, type MethodCall, type MethodRequest } from './direct-methods.ts';

const call: MethodCall = {
  methodName: 'reboot',
  payload: utf8('{"in":5}'),
  connectTimeoutMs: 0,
  responseTimeoutMs: 30_000,
};

function bench() {
  const clock = manualClock();
  const methods = createDirectMethods(clock, systemRandom);
  const asked: MethodRequest[] = [];
  const listen = (deviceId = 'd'): (() => void) => methods.listen(deviceId, (request) => asked.push(request) > 0);
  const answer = (at: number, text: string, status = 200, deviceId = 'd'): boolean =>
    methods.answered(deviceId, asked[at]?.requestId ?? '', { status, payload: utf8(text) });
  return { clock, methods, asked, listen, answer };
}

describe('a direct method', () => {
  it('goes to the device and comes back with its status and payload', async () => {
    const { methods, asked, listen, answer } = bench();
    listen();
    const called = methods.invoke('d', call);
    expect(asked).toMatchObject([{ methodName: 'reboot', payload: call.payload }]);
    expect(answer(0, '{"done":true}', 201)).toBe(true);
    expect(await called).toEqual({ ok: true, value: { status: 201, payload: { done: true } } });
    expect(answer(0, '{}')).toBe(false);
  });

  it('ends as not online when no connection takes it within the connect time-out', async () => {
    const { clock, methods } = bench();
    const called = methods.invoke('d', { ...call, connectTimeoutMs: 10_000 });
    await clock.advance(9_999);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await called).toMatchObject({ fault: { code: 'DeviceNotOnline' } });
    expect(clock.pending).toBe(0);
  });

  it('waits for a connection within the connect time-out, and then for the whole response time-out', async () => {
    const { clock, methods, listen, answer } = bench();
    const called = methods.invoke('d', { ...call, connectTimeoutMs: 10_000 });
    await clock.advance(9_000);
    listen();
    await clock.advance(29_000);
    answer(0, 'null');
    expect(await called).toEqual({ ok: true, value: { status: 200, payload: null } });
  });

  it('ends as timed out when the connection is lost, and is not sent twice', async () => {
    const { clock, methods, asked, listen } = bench();
    const leave = listen();
    const called = methods.invoke('d', call);
    leave();
    listen();
    await clock.advance(30_000);
    expect(await called).toMatchObject({ fault: { code: 'GatewayTimeout' } });
    expect(asked).toHaveLength(1);
  });

  it('may be answered over the next connection', async () => {
    const { methods, listen, answer } = bench();
    const leave = listen();
    const called = methods.invoke('d', call);
    leave();
    answer(0, '1');
    expect(await called).toMatchObject({ value: { payload: 1 } });
  });

  it('is not taken by a connection that was replaced, whichever of the two leaves first', () => {
    const { methods, asked, listen } = bench();
    const leaveFirst = listen();
    listen();
    leaveFirst();
    void methods.invoke('d', call);
    expect(asked).toHaveLength(1);
  });

  it('is answered by its own device alone', async () => {
    const { clock, methods, listen, answer } = bench();
    listen();
    const called = methods.invoke('d', call);
    expect(answer(0, '1', 200, 'other')).toBe(false);
    await clock.advance(30_000);
    expect(await called).toMatchObject({ ok: false });
  });

  it('that its connection cannot pass on ends at once, whether it came before the connection or after', async () => {
    const { methods } = bench();
    const early = methods.invoke('d', { ...call, connectTimeoutMs: 5_000 });
    methods.listen('d', () => false);
    for (const called of [early, methods.invoke('d', call)]) {
      expect(await called).toMatchObject({ ok: false, fault: { code: 'DeviceNotOnline' } });
    }
  });

  it('is refused beyond 16 open ones of a device, and taken again when one has ended', async () => {
    const { methods, asked, listen, answer } = bench();
    listen();
    const calls = Array.from({ length: 17 }, () => methods.invoke('d', call));
    expect(await calls[16]).toMatchObject({ fault: { code: 'ThrottlingException' } });
    expect(asked).toHaveLength(16);
    answer(0, '1');
    void methods.invoke('d', call);
    expect(asked).toHaveLength(17);
  });

  it.each([
    ['no JSON', 'hello', 'BadDeviceResponse'],
    ['too long', `"${'x'.repeat(131_072)}"`, 'BadDeviceResponse'],
    ['nested without end', '['.repeat(60_000), 'BadDeviceResponse'],
  ])('refuses an answer that is %s', async (_what, text, code) => {
    const { methods, listen, answer } = bench();
    listen();
    const called = methods.invoke('d', call);
    answer(0, text);
    expect(await called).toMatchObject({ fault: { code } });
  });

  it('ends with its hub', async () => {
    const { clock, methods, listen } = bench();
    listen();
    const calls = [methods.invoke('d', call), methods.invoke('e', { ...call, connectTimeoutMs: 300_000 })];
    methods.close();
    expect(await Promise.all(calls)).toMatchObject([
      { fault: { code: 'ServiceUnavailable' } },
      { fault: { code: 'ServiceUnavailable' } },
    ]);
    expect(clock.pending).toBe(0);
  });
});
