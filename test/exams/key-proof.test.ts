/** Devices that prove themselves by a symmetric key (dps-wire 1.7, 6 and 7.2), over the real store. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { keyOfDevice, openProofBench, vectorKey, type ProofBench } from './proof-bench.ts';

let bench: ProofBench;
beforeEach(async () => {
  bench = await openProofBench();
});
afterEach(() => bench.close());

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const otherKey = vectorKey.map((byte) => byte ^ 0xff);
const bothKeys = { primaryKey: base64(vectorKey), secondaryKey: base64(otherKey) };
const byKeys = { attestation: { type: 'symmetricKey', symmetricKey: bothKeys } };
const keysIn = (json: Record<string, unknown>): Record<string, string> | undefined =>
  (json['attestation'] as { symmetricKey?: Record<string, string> }).symmetricKey;

async function codeOf(registrationId: string, authorization: string): Promise<string> {
  const answer = await bench.desk.register(bench.claim(registrationId, { authorization }));
  return answer.ok ? answer.value.is : answer.fault.code;
}

describe('the keys of an enrollment', () => {
  it('are made when they are left out, two of 64 bytes, told by PUT and attestationmechanism alone', async () => {
    const put = await bench.put('individual', 'dev-01', { attestation: { type: 'symmetricKey' } });
    const keys = Object.values(keysIn(put) ?? {});
    expect(keys.map((key) => Buffer.from(key, 'base64').length)).toEqual([64, 64]);
    expect(new Set(keys).size).toBe(2);
    const got = must(await bench.enrollments.get('individual', 'dev-01'));
    expect(got['attestation']).toEqual({ type: 'symmetricKey' });
    const page = must(await bench.enrollments.page('individual', { after: undefined, limit: 9 }));
    expect(JSON.stringify(page)).not.toContain(keys[0]);
    const revealed = must(await bench.enrollments.attestation('individual', 'dev-01'));
    expect(revealed).toEqual({ type: 'symmetricKey', symmetricKey: keysIn(put) });
  });

  it('stay when an update leaves them out, each by itself, and go with a change of proof', async () => {
    await bench.put('group', 'line-7', byKeys);
    const update = { attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: base64(otherKey) } } };
    expect(keysIn(await bench.put('group', 'line-7', update))).toEqual({
      primaryKey: base64(otherKey),
      secondaryKey: base64(otherKey),
    });
    const bare = { attestation: { type: 'symmetricKey' } };
    expect(keysIn(await bench.put('group', 'LINE-7', bare))?.['primaryKey']).toBe(base64(otherKey));
    must(await bench.enrollments.remove('group', 'line-7', { is: 'none' }));
    expect(keysIn(await bench.put('group', 'line-7', bare))?.['primaryKey']).not.toBe(base64(otherKey));
  });

  it.each([
    ['15 bytes', base64(new Uint8Array(15))],
    ['65 bytes', base64(new Uint8Array(65))],
    ['no base64', 'not base64 at all'],
  ])('are refused with %s', async (_what, primaryKey) => {
    const body = { attestation: { type: 'symmetricKey', symmetricKey: { primaryKey } } };
    const answer = await bench.enrollments.put('individual', { id: 'a', body, condition: { is: 'none' } });
    expect(answer).toMatchObject({ fault: { code: 'invalid' } });
    expect(JSON.stringify(answer)).not.toContain(primaryKey);
  });
});

describe('a device enrolled by itself', () => {
  it.each([['primary', vectorKey] as const, ['secondary', otherKey] as const])(
    'registers with its %s key, and its hub knows both',
    async (_slot, key) => {
      await bench.put('individual', 'Dev-01', { ...byKeys, deviceId: 'press-17' });
      const state = await bench.registered(bench.claim('dev-01', { authorization: await bench.token('dev-01', key) }));
      expect(state).toMatchObject({ status: 'assigned', deviceId: 'press-17', symmetricKey: {} });
      expect(state).not.toHaveProperty('x509');
      const device = bench.hubs.devices.get(`${String(state['assignedHub'])}/press-17`);
      expect(device?.authentication).toEqual({ type: 'sas', ...bothKeys });
    },
  );

  it('[rule 9] is known by the vectors over the raw resource, with skn registration, empty and absent', async () => {
    await bench.put('individual', 'dev-01', byKeys);
    for (const [sr, sig] of [
      ['0ne00ABCDEF/registrations/dev-01', '5xhDQ/uo3WfVOfpSSUBTESCCRH6suOrdiHKjtKwqHjE='],
      ['0ne00ABCDEF%2fregistrations%2fdev-01', 'ewYfQt2dEr2QYNlGjza1HhxCyRnReTH6jfbwKuL2QhQ='],
      ['0ne00ABCDEF%2Fregistrations%2Fdev-01', '7NSurcKpOPchSYuHxnzMET5vPa5d1hbXLMDAv7FLvnE='],
    ] as const) {
      for (const skn of ['&skn=registration', '&skn=', '']) {
        const token = `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=1900000000${skn}`;
        expect(await codeOf('dev-01', token)).toBe('started');
      }
    }
  });

  it('is refused with another key, for another device, another scope, and under the name of a policy', async () => {
    await bench.put('individual', 'dev-01', byKeys);
    const wrongKey = await bench.token('dev-01', new Uint8Array(32));
    const otherDevice = await bench.token('dev-02', vectorKey);
    const otherScope = await bench.token('', vectorKey, { resource: '0ne00FFFFFF/registrations/dev-01' });
    const asPolicy = await bench.token('dev-01', vectorKey, { keyName: 'provisioningserviceowner' });
    for (const token of [wrongKey, otherDevice, otherScope, asPolicy, 'SharedAccessSignature', 'Basic eA==']) {
      expect(await codeOf('dev-01', token)).toBe('unauthorized');
    }
  });

  it('may be 5 minutes behind, and is refused at 15', async () => {
    await bench.put('individual', 'dev-01', byKeys);
    expect(await codeOf('dev-01', await bench.token('dev-01', vectorKey, { endsInS: -5 * 60 }))).toBe('started');
    expect(await codeOf('dev-01', await bench.token('dev-01', vectorKey, { endsInS: -15 * 60 }))).toBe('unauthorized');
  });

  it("is refused while disabled, and is not its group's meanwhile", async () => {
    await bench.put('group', 'line-7', byKeys);
    await bench.put('individual', 'dev-01', { ...byKeys, provisioningStatus: 'disabled' });
    expect(await codeOf('dev-01', await bench.token('dev-01', vectorKey))).toBe('unauthorized');
    const derived = keyOfDevice(vectorKey, 'dev-01');
    expect(await codeOf('dev-01', await bench.token('dev-01', derived))).toBe('unauthorized');
  });

  it('is told the same with a wrong key as one whose id is unknown or disabled', async () => {
    await bench.put('individual', 'known', byKeys);
    await bench.put('individual', 'disabled', { ...byKeys, provisioningStatus: 'disabled' });
    const answers = await Promise.all(
      ['known', 'disabled', 'unknown'].map(async (id) =>
        bench.desk.register(bench.claim(id, { authorization: await bench.token(id, new Uint8Array(16)) })),
      ),
    );
    const told = answers.map((answer) =>
      answer.ok ? answer.value.is : [answer.fault.code, answer.fault.say].join(' '),
    );
    expect(new Set(told).size).toBe(1);
  });
});

describe('a device of a group', () => {
  it('has the key of the vector in dps-wire 6', () => {
    expect(base64(keyOfDevice(vectorKey, 'dev-01'))).toBe('luaCqHSmg758Dy2PlrF3Vl83Pcf53G9Nc/vj86Xl0d4=');
  });

  it("registers by a key derived from either of the group's, and its hub knows both derived keys", async () => {
    await bench.put('group', 'Line-7', byKeys);
    for (const key of [vectorKey, otherKey]) {
      const token = await bench.token('dev-01', keyOfDevice(key, 'dev-01'));
      const state = await bench.registered(bench.claim('dev-01', { authorization: token }));
      expect(state).toMatchObject({ deviceId: 'dev-01', symmetricKey: { enrollmentGroupId: 'Line-7' } });
      const device = bench.hubs.devices.get(`${String(state['assignedHub'])}/dev-01`);
      expect(device?.authentication).toEqual({
        type: 'sas',
        primaryKey: base64(keyOfDevice(vectorKey, 'dev-01')),
        secondaryKey: base64(keyOfDevice(otherKey, 'dev-01')),
      });
    }
  });

  it('may have derived it for its id as it says it, or in lower case', async () => {
    await bench.put('group', 'line-7', byKeys);
    for (const spelled of ['Dev-02', 'dev-02']) {
      const token = await bench.token('Dev-02', keyOfDevice(vectorKey, spelled));
      expect(await bench.registered(bench.claim('Dev-02', { authorization: token }))).toMatchObject({
        status: 'assigned',
        registrationId: 'Dev-02',
      });
    }
    const other = await bench.token('Dev-02', keyOfDevice(vectorKey, 'DEV-02'));
    expect(await codeOf('Dev-02', other)).toBe('unauthorized');
  });

  it('is found among many groups, after a change of keys at once, and not after its group is gone', async () => {
    for (let at = 0; at < 20; at += 1) await bench.put('group', `g-${at}`, { attestation: { type: 'symmetricKey' } });
    await bench.put('group', 'line-7', byKeys);
    const token = await bench.token('dev-01', keyOfDevice(vectorKey, 'dev-01'));
    expect(await codeOf('dev-01', token)).toBe('started');
    const next = { primaryKey: base64(otherKey), secondaryKey: base64(otherKey) };
    await bench.put('group', 'line-7', { attestation: { type: 'symmetricKey', symmetricKey: next } });
    expect(await codeOf('dev-01', token)).toBe('unauthorized');
    const nextToken = await bench.token('dev-01', keyOfDevice(otherKey, 'dev-01'));
    expect(await codeOf('dev-01', nextToken)).toBe('started');
    must(await bench.enrollments.remove('group', 'line-7', { is: 'none' }));
    expect(await codeOf('dev-01', nextToken)).toBe('unauthorized');
  });

  it('is refused while its group is disabled', async () => {
    await bench.put('group', 'line-7', { ...byKeys, provisioningStatus: 'disabled' });
    expect(await codeOf('dev-01', await bench.token('dev-01', keyOfDevice(vectorKey, 'dev-01')))).toBe('unauthorized');
  });

  it('is one of at most 100 groups by key', async () => {
    const body = { attestation: { type: 'symmetricKey' } };
    for (let at = 0; at < 100; at += 1) await bench.put('group', `g-${at}`, body);
    const more = { id: 'g-100', body, condition: { is: 'none' } } as const;
    expect(await bench.enrollments.put('group', more)).toMatchObject({ fault: { code: 'invalid' } });
    await bench.put('group', 'g-99', body);
    must(await bench.enrollments.remove('group', 'g-99', { is: 'none' }));
    expect((await bench.enrollments.put('group', more)).ok).toBe(true);
  });
});

describe('a poll', () => {
  async function started(authorization: string): Promise<string> {
    const answer = must(await bench.desk.register(bench.claim('dev-01', { authorization })));
    if (answer.is !== 'started') throw new Error('no operation');
    return String(answer.operation.json['operationId']);
  }

  it('may come with the token of the registration after its end, and with a newer one of the same key', async () => {
    await bench.put('group', 'line-7', byKeys);
    const key = keyOfDevice(vectorKey, 'dev-01');
    const short = await bench.token('dev-01', key, { endsInS: 30 });
    const id = await started(short);
    await bench.clock.advance(20 * 60_000);
    for (const authorization of [short, await bench.token('dev-01', key)]) {
      expect((await bench.desk.poll(bench.claim('dev-01', { authorization }), id)).ok).toBe(true);
    }
  });

  it('is refused by another key of the same device, without a token, and once the key is gone', async () => {
    await bench.put('individual', 'dev-01', byKeys);
    const authorization = await bench.token('dev-01', vectorKey);
    const id = await started(authorization);
    const poll = async (token: string | undefined): Promise<string> => {
      const answer = await bench.desk.poll(bench.claim('dev-01', { authorization: token }), id);
      return answer.ok ? 'ok' : answer.fault.code;
    };
    expect(await poll(await bench.token('dev-01', otherKey))).toBe('unauthorized');
    expect(await poll(undefined)).toBe('unauthorized');
    expect(await poll(authorization)).toBe('ok');
    await bench.put('individual', 'dev-01', {
      attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: base64(otherKey) } },
    });
    expect(await poll(authorization)).toBe('unauthorized');
  });

  it('leaves no key in its operation', async () => {
    await bench.put('individual', 'dev-01', byKeys);
    const authorization = await bench.token('dev-01', vectorKey);
    await bench.registered(bench.claim('dev-01', { authorization }));
    const operation = must(await bench.store.operation(await started(authorization)));
    expect(JSON.stringify(operation?.proof)).not.toContain(base64(vectorKey));
    expect(operation?.proof).toMatchObject({ kind: 'symmetricKey' });
  });
});

describe('wrong tokens', () => {
  it('are throttled per source, which a right one from elsewhere does not feel', async () => {
    await bench.put('individual', 'dev-01', byKeys);
    const wrong = await bench.token('dev-01', otherKey.subarray(1));
    const codes: string[] = [];
    for (let at = 0; at < 32; at += 1) codes.push(await codeOf('dev-01', wrong));
    expect(codes.filter((code) => code === 'unauthorized')).toHaveLength(30);
    expect(codes.at(-1)).toBe('throttled');
    const authorization = await bench.token('dev-01', vectorKey);
    expect(await codeOf('dev-01', authorization)).toBe('throttled');
    const elsewhere = await bench.desk.register(bench.claim('dev-01', { authorization, source: '198.51.100.8' }));
    expect(elsewhere.ok).toBe(true);
  });
});
