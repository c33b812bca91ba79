/** Our DPS clients against peers that are away, slow, wrong, throttling or cut off in the middle. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import { createDeviceClient, type DeviceIdentity } from '../../src-main/lib/dps/device-client.ts';
import type { ServerTime } from '../../src-main/lib/dps/https-call.ts';
import { keySigner, parseSasToken, verifySasToken } from '../../src-main/lib/dps/sas.ts';
import { createServiceClient, type ServiceClient } from '../../src-main/lib/dps/service-client.ts';
import { inTurn, json, openPeer, type Script, type ScriptedPeer } from './dps-peer.ts';

const key = Buffer.alloc(32, 7);
const connection = { host: '127.0.0.1', keyName: 'owner', key: key.toString('base64') };
let peer: ScriptedPeer;
const closers: (() => void)[] = [];

beforeEach(async () => {
  peer = await openPeer();
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await peer.close();
});

interface ClientOptions {
  readonly port?: number;
  readonly caPem?: string;
  readonly timeoutMs?: number;
  readonly onServerTime?: (time: ServerTime) => void;
}

function clientOf(options: ClientOptions = {}): ServiceClient {
  const { port = peer.port, caPem = peer.caPem, ...rest } = options;
  const parts = { clock: systemClock, random: systemRandom, ...rest };
  const client = createServiceClient({ connection: { ...connection, port }, caPem, name: 'the service' }, parts);
  closers.push(() => {
    client.close();
  });
  return client;
}

const entry = { registrationId: 'a', attestation: { type: 'tpm' as const, tpm: { endorsementKey: 'AAEC' } } };

describe('a call', () => {
  it('that could not be sent is offline', async () => {
    const { port } = peer;
    await peer.close();
    expect(await clientOf({ port }).enrollments.put(entry)).toMatchObject({ fault: { code: 'peer-offline' } });
    peer = await openPeer();
  });

  it('to a peer that another CA vouches for is not sent', async () => {
    const other = await openPeer();
    const result = await clientOf({ caPem: other.caPem }).enrollments.put(entry);
    await other.close();
    expect(result).toMatchObject({ fault: { code: 'peer-untrusted' } });
    expect(peer.requests).toEqual([]);
  });

  const cuts: readonly (readonly [string, Script])[] = [
    ['cut off without a reply', (_request, response) => void response.destroy()],
    [
      'cut off in the middle of its reply',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"registr', () => void response.destroy());
      },
    ],
  ];
  it.each(cuts)('%s is ambiguous, and was sent once', async (_, script) => {
    peer.answer(script);
    expect(await clientOf().enrollments.put(entry)).toMatchObject({ fault: { code: 'call-ambiguous' } });
    expect(peer.requests).toHaveLength(1);
  });

  it('that is never answered is ambiguous after its time', async () => {
    peer.answer(() => undefined);
    expect(await clientOf({ timeoutMs: 200 }).enrollments.put(entry)).toMatchObject({
      fault: { code: 'call-ambiguous', detail: { reason: 'no answer in time' } },
    });
  });

  it('is stopped when it is told to', async () => {
    const stop = new AbortController();
    peer.answer(() => {
      stop.abort();
    });
    const stopped = await clientOf().enrollments.put(entry, { signal: stop.signal });
    expect(stopped).toMatchObject({ fault: { code: 'call-cancelled' } });
    const before = await clientOf().enrollments.put(entry, { signal: stop.signal });
    expect(before).toMatchObject({ fault: { code: 'call-cancelled' } });
    expect(peer.requests).toHaveLength(1);
  });

  it('answered by a sign-in page is unreadable, not a success', async () => {
    peer.answer((_request, response) => response.end('<html>Welcome</html>'));
    expect(await clientOf().enrollments.get('a')).toMatchObject({ fault: { code: 'reply-unreadable' } });
    peer.answer(json(200, { hello: 1 }));
    expect(await clientOf().enrollments.get('a')).toMatchObject({ fault: { code: 'reply-unreadable' } });
  });

  it('answered without end is given up', async () => {
    peer.answer((_request, response) => {
      const chunk = Buffer.alloc(1_000_000, ' ');
      for (let at = 0; at < 10; at += 1) response.write(chunk);
      response.end();
    });
    expect(await clientOf().enrollments.get('a')).toMatchObject({ fault: { code: 'reply-unreadable' } });
  });

  it('a look is taken again when a kept connection was closed under it; a change is not', async () => {
    const client = clientOf();
    const dies = inTurn(json(200, entry), (_request, response) => void response.destroy(), json(200, entry));
    peer.answer(dies);
    must(await client.enrollments.get('a'));
    must(await client.enrollments.get('a'));
    expect(peer.requests.map((request) => request.connection)).toEqual([1, 1, 2]);
    peer.answer(inTurn(json(200, entry), (_request, response) => void response.destroy(), json(200, entry)));
    must(await client.enrollments.put(entry));
    expect(await client.enrollments.put(entry)).toMatchObject({ fault: { code: 'call-ambiguous' } });
  });
});

describe('a refusal', () => {
  const error = { errorCode: 400_004, trackingId: 't-1', message: 'No.', timestampUtc: '' };

  it.each([
    [400, 'call-refused'],
    [401, 'call-unauthorized'],
    [404, 'not-found'],
    [409, 'conflict'],
    [412, 'conflict'],
    [500, 'peer-unavailable'],
    [503, 'peer-unavailable'],
  ] as const)('%i is %s with what it said', async (status, code) => {
    peer.answer(json(status, error));
    expect(await clientOf().enrollments.put(entry)).toMatchObject({
      fault: { code, detail: { status, message: 'No', errorCode: 400_004, trackingId: 't-1' } },
    });
  });

  it.each([
    ['7', 7_000],
    ['99999', 600_000],
    ['soon', 2_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ])('429 with retry-after %j says how long to wait', async (text, retryAfterMs) => {
    peer.answer(json(429, error, { 'retry-after': text }));
    expect(await clientOf().enrollments.get('a')).toMatchObject({
      fault: { code: 'peer-throttled', detail: { retryAfterMs } },
    });
  });

  it('by a page instead of JSON still counts by its status', async () => {
    peer.answer((_request, response) => response.writeHead(502).end('<html>Bad gateway</html>'));
    expect(await clientOf().enrollments.get('a')).toMatchObject({ fault: { code: 'peer-unavailable' } });
  });

  it('never repeats the key', async () => {
    peer.answer(json(401, error));
    expect(JSON.stringify(await clientOf().enrollments.get('a'))).not.toContain(connection.key);
  });
});

it('signs as the policy, for the host, and tells what the peer’s clock said', async () => {
  const times: ServerTime[] = [];
  peer.answer(json(200, entry, { date: 'Sun, 06 Nov 1994 08:49:37 GMT' }));
  must(await clientOf({ onServerTime: (time) => times.push(time) }).enrollments.get('a'));
  expect(times).toMatchObject([{ serverMs: 784_111_777_000 }]);
  const token = must(parseSasToken(peer.requests[0]?.headers.authorization ?? ''));
  expect(token).toMatchObject({ resource: '127.0.0.1', keyName: 'owner' });
  expect(verifySasToken(token, { keys: [key], nowS: Math.floor(systemClock.nowMs() / 1_000), skewS: 0 }).ok).toBe(true);
});

describe('a registration', () => {
  const blob = Buffer.from('sealed').toString('base64');
  const state = { registrationId: 'dev-1', status: 'assigned', assignedHub: 'hub', deviceId: 'dev-1' };
  const assigned = json(200, {
    operationId: 'op',
    status: 'assigned',
    registrationState: { ...state, substatus: 'initialAssignment', tpm: { authenticationKey: blob } },
  });
  const assigning = (seconds: string) =>
    json(202, { operationId: 'op', status: 'assigning' }, { 'retry-after': seconds });
  const challenge = json(401, { authenticationKey: blob, keyName: 'registration' });
  const opened: string[] = [];
  const identity: DeviceIdentity = {
    kind: 'tpm',
    registrationId: 'dev-1',
    endorsementKey: Uint8Array.of(1),
    storageRootKey: Uint8Array.of(2),
    activate: (bytes) => {
      opened.push(Buffer.from(bytes).toString());
      return Promise.resolve(ok(keySigner(key)));
    },
  };
  const deviceClient = (maxRegistrationMs?: number) => {
    const waits: number[] = [];
    // Waiting is what the client asks for; here it is over at once, and the time has passed.
    const time = manualClock(systemClock.nowMs());
    const clock = {
      ...time,
      after(ms: number, fire: () => void) {
        // the calls' own limit of 30 s stays real
        if (ms >= 30_000) return systemClock.after(ms, fire);
        waits.push(ms);
        return systemClock.after(0, () => {
          void time.advance(ms).then(fire);
        });
      },
    };
    const endpoint = { host: '127.0.0.1', port: peer.port, idScope: '0ne', caPem: peer.caPem };
    const limit = maxRegistrationMs === undefined ? {} : { maxRegistrationMs };
    return { waits, client: createDeviceClient(endpoint, { clock, random: systemRandom, ...limit }) };
  };

  it('opens the challenge, signs every later call with it, and waits as long as it is told', async () => {
    opened.length = 0;
    peer.answer(inTurn(challenge, assigning('3'), assigning('5'), assigned));
    const { client, waits } = deviceClient();
    const result = must(await client.register(identity));
    expect(result).toMatchObject({
      assignedHub: 'hub',
      deviceId: 'dev-1',
      hubKeyBlob: Uint8Array.from(Buffer.from('sealed')),
    });
    expect(opened).toEqual(['sealed']);
    expect(waits).toEqual([3_000, 5_000]);
    const signed = peer.requests.map((request) => request.headers.authorization !== undefined);
    expect(signed).toEqual([false, true, true, true]);
    const token = must(parseSasToken(peer.requests[1]?.headers.authorization ?? ''));
    expect(token).toMatchObject({ resource: '0ne/registrations/dev-1', keyName: 'registration' });
  });

  it('goes on after 429, 500 and lost replies, and gives up after some in a row', async () => {
    const busy = json(429, {}, { 'retry-after': '4' });
    peer.answer(
      inTurn(challenge, busy, json(500, {}), (_q, response) => void response.destroy(), assigning('1'), assigned),
    );
    const { client, waits } = deviceClient();
    expect((await client.register(identity)).ok).toBe(true);
    expect(waits[0]).toBe(4_000);
    peer.answer(json(503, {}));
    expect(await deviceClient().client.register(identity)).toMatchObject({ fault: { code: 'peer-unavailable' } });
  });

  it('ends in its time when it never ends by itself', async () => {
    peer.answer(inTurn(challenge, assigning('10')));
    expect(await deviceClient(60_000).client.register(identity)).toMatchObject({
      fault: { code: 'registration-timed-out', detail: { seconds: 60 } },
    });
  });

  it('that fails says why', async () => {
    const registrationState = { registrationId: 'dev-1', status: 'failed', errorCode: 400_208, errorMessage: 'No hub' };
    peer.answer(inTurn(challenge, json(200, { operationId: 'op', status: 'failed', registrationState })));
    expect(await deviceClient().client.register(identity)).toMatchObject({
      fault: { code: 'registration-failed', detail: { errorCode: 400_208, message: 'No hub' } },
    });
  });

  it('refused instead of challenged, or assigned without a key, is no assignment', async () => {
    peer.answer(json(401, { errorCode: 401_002, message: 'Unauthorized' }));
    expect(await deviceClient().client.register(identity)).toMatchObject({
      fault: { code: 'challenge-missing', detail: { message: 'Unauthorized' } },
    });
    peer.answer(inTurn(challenge, json(200, { operationId: 'op', status: 'assigned', registrationState: state })));
    expect(await deviceClient().client.register(identity)).toMatchObject({ fault: { code: 'reply-unreadable' } });
  });

  it('is stopped while it waits', async () => {
    const stop = new AbortController();
    peer.answer(inTurn(challenge, assigning('3')));
    const onProgress = (step: string): void => {
      if (step === 'assigning') stop.abort();
    };
    const result = await deviceClient().client.register(identity, { signal: stop.signal, onProgress });
    expect(result).toMatchObject({ fault: { code: 'call-cancelled' } });
  });
});
