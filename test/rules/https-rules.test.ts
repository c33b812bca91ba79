/** The rules of dps-wire section 11 that a device meets over HTTPS: each by its number, each with a mutant in test/gates. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { splitActivationBlob } from '../../src-main/lib/tpm/credential.ts';
import {
  groupOf,
  makeAuthority,
  makeLeaf,
  openTpmDevice,
  type Leaf,
  type TpmDevice,
} from '../flows/service-devices.ts';
import { openRuleBed, settled, type RuleBed, type RuleReply, type RuleRequest } from './rule-bed.ts';

let bed: RuleBed;
let leaf: Leaf;
let tpm: TpmDevice;
const id = 'pump-1';

beforeAll(async () => {
  bed = await openRuleBed();
  const line = await makeAuthority('Line 7');
  must(await bed.client.groups.put(groupOf('line-7', line.certificate)));
  leaf = await makeLeaf(id, line);
  tpm = await openTpmDevice();
  must(await bed.client.enrollments.put(tpm.enrollment()));
});
afterAll(async () => {
  await tpm.close();
  await bed.close();
});

const register = (more: Partial<RuleRequest> = {}): Promise<RuleReply> =>
  bed.ask({
    method: 'PUT',
    path: bed.registerPath(id),
    body: JSON.stringify({ registrationId: id }),
    tls: leaf.tls,
    ...more,
  });
const poll = (operationId: unknown, more: Partial<RuleRequest> = {}): Promise<RuleReply> =>
  bed.ask({ method: 'GET', path: bed.pollPath(id, operationId), tls: leaf.tls, ...more });

async function finished(): Promise<RuleReply> {
  const { operationId } = (await register()).json;
  return settled(() => poll(operationId));
}

const tpmKeys = (): string => {
  const { registrationId, endorsementKey, storageRootKey } = tpm;
  return JSON.stringify({ registrationId, tpm: { endorsementKey, storageRootKey } });
};
const tpmRegister = (more: Partial<RuleRequest> = {}): Promise<RuleReply> =>
  bed.ask({ method: 'PUT', path: bed.registerPath(tpm.registrationId), body: tpmKeys(), ...more });

it('[rule 1] a register is answered with 202 exactly', async () => {
  expect((await register()).status).toBe(202);
});

it('[rule 2] every answer says application/json, refusals and challenges too', async () => {
  const asked: readonly [number, RuleReply][] = [
    [202, await register()],
    [200, await finished()],
    [401, await tpmRegister()],
    [401, await bed.ask({ method: 'PUT', path: bed.registerPath('stranger') })],
    [400, await register({ body: '{"' })],
    [404, await bed.ask({ method: 'GET', path: '/nothing' })],
    [405, await bed.ask({ method: 'DELETE', path: bed.registerPath(id) })],
    [413, await register({ body: 'x'.repeat(600_000) })],
    [400, await bed.ask({ method: 'GET', path: '/enrollments/%zz' })],
  ];
  for (const [status, reply] of asked) {
    expect(reply.status).toBe(status);
    expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
  }
});

it('[rule 3] a status is one of the known words, in lower case, within and without', async () => {
  const started = await register();
  expect(started.json).toMatchObject({ status: 'assigning', registrationState: { status: 'assigning' } });
  const done = await finished();
  expect(done.json).toMatchObject({ status: 'assigned', registrationState: { status: 'assigned', deviceId: id } });
  const looked = await bed.ask({ method: 'POST', path: `/${bed.ready.idScope}/registrations/${id}`, tls: leaf.tls });
  expect(looked.json['status']).toBe('assigned');
});

it('[rule 4] every answer repeats the operation id', async () => {
  const { operationId } = (await register()).json;
  expect(operationId).toMatch(/^\d+\.[0-9a-f]{16}\.[0-9a-f-]{36}$/);
  const done = await settled(async () => {
    const reply = await poll(operationId);
    expect(reply.json['operationId']).toBe(operationId);
    return reply;
  });
  expect(done.json).toMatchObject({ operationId, status: 'assigned' });
});

it('[rule 9] a token is verified over its resource as it stands there, with skn named, empty or left out', async () => {
  const challenge = await tpmRegister();
  must(await tpm.activate(Buffer.from(String(challenge.json['authenticationKey']), 'base64')));
  const resource = `${bed.ready.idScope}/registrations/${tpm.registrationId}`;
  const encoded = encodeURIComponent(resource);
  const expiry = Math.floor(bed.clock.nowMs() / 1_000) + 30;
  for (const sr of [
    resource,
    encoded,
    encoded.replaceAll('%2F', '%2f'),
    encoded.toLowerCase(),
    resource.toLowerCase(),
  ]) {
    const sig = encodeURIComponent(
      Buffer.from(must(await tpm.sign(Buffer.from(`${sr}\n${expiry}`)))).toString('base64'),
    );
    for (const skn of ['', '&skn=', '&skn=registration']) {
      const authorization = `SharedAccessSignature sr=${sr}&sig=${sig}&se=${expiry}${skn}`;
      expect((await tpmRegister({ headers: { authorization } })).status).toBe(202);
    }
  }
});

it('[rule 10] a TPM challenge is a 401 in JSON with keyName and without status', async () => {
  const challenge = await tpmRegister();
  expect(challenge.status).toBe(401);
  expect(challenge.json).toMatchObject({ keyName: 'registration', authenticationKey: expect.any(String) as string });
  expect(challenge.json).not.toHaveProperty('status');
  expect(challenge.text).not.toContain('<');
});

it('[rule 11] a TPM blob has a 16-byte inner key and a 32-byte HMAC key, and fits two SASL segments', async () => {
  const { json } = await tpmRegister();
  const blob = Buffer.from(String(json['authenticationKey']), 'base64');
  const elements = must(splitActivationBlob(blob));
  // dps-wire 4.4: 2 + (2 + 32) + 18; 2 + (2 + 32) + 108; RSA-2048 seeds of 2 + 256
  const sizes = Object.entries(elements).map(([name, bytes]) => [name, (bytes as Uint8Array).length]);
  expect(Object.fromEntries(sizes)).toMatchObject({
    idObject: 54,
    encryptedSecret: 258,
    duplicate: 144,
    encryptedSeed: 258,
    publicArea: 50,
  });
  expect(blob.length).toBeLessThanOrEqual(940);
  expect((await tpm.activate(blob)).ok).toBe(true);
});

it('[rule 13] the names of response headers are in lower case', async () => {
  const query = { method: 'POST', path: '/enrollments/query?api-version=2021-10-01', body: '{"query":"SELECT *"}' };
  const listed = await bed.ask({ ...query, headers: { authorization: await bed.owner(), 'x-ms-max-item-count': '1' } });
  expect(listed.headerNames).toContain('x-ms-item-type');
  const refused = await bed.ask({ method: 'PUT', path: bed.registerPath('stranger') });
  for (const reply of [await register(), await tpmRegister(), refused, listed]) {
    const ours = reply.headerNames.filter((name) => !['Date', 'Connection', 'Keep-Alive'].includes(name));
    expect(ours).toEqual(ours.map((name) => name.toLowerCase()));
  }
  expect((await register()).headerNames).toEqual(expect.arrayContaining(['retry-after', 'content-type', 'location']));
});

it('[rule 14] a path is matched without case, and with a slash at its end', async () => {
  const upper = `/${bed.ready.idScope.toUpperCase()}/Registrations/${id.toUpperCase()}/REGISTER?api-version=1`;
  const slashed = bed.registerPath(id).replace('?', '/?');
  for (const path of [upper, slashed]) expect((await register({ path })).status).toBe(202);
  const authorization = await bed.owner();
  for (const path of [
    '/ENROLLMENTGROUPS/line-7/AttestationMechanism',
    '/enrollmentGroups/line-7/attestationmechanism/',
  ]) {
    expect((await bed.ask({ method: 'POST', path, headers: { authorization } })).status).toBe(200);
  }
});

it('[rule 17] a poll may carry a body, of JSON or of anything', async () => {
  const { operationId } = (await finished()).json;
  for (const body of ['{}', ' ', '{"registrationId":"other"}', 'iotdps-get-operationstatus']) {
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    expect(await poll(operationId, { body, headers })).toMatchObject({ status: 200, json: { status: 'assigned' } });
  }
});

it('[rule 18] a payload may be null, a string, or any other JSON', async () => {
  for (const payload of [null, 'text', '{"room":4}', { room: 4 }, [1], 7, false]) {
    expect((await register({ body: JSON.stringify({ registrationId: id, payload }) })).status).toBe(202);
  }
});

it('[rule 19] a register may have no body, and the connection says who it is', async () => {
  for (const body of [undefined, '', ' ', '{}', '{"payload":{}}']) {
    const reply = await bed.ask({
      method: 'PUT',
      path: bed.registerPath(id),
      tls: leaf.tls,
      ...(body === undefined ? {} : { body }),
    });
    expect(reply).toMatchObject({ status: 202, json: { registrationState: { registrationId: id } } });
  }
});

it('[rule 20] an operation is there to be polled for minutes, on any connection', async () => {
  const { operationId } = (await finished()).json;
  bed.clock.shiftMs += 10 * 60_000;
  // two more registrations later the service has cleared away what it does not keep
  await finished();
  await finished();
  expect(await poll(operationId)).toMatchObject({ status: 200, json: { operationId, status: 'assigned' } });
});

it('[rule 21] the first answer is assigning, and no answer is unassigned', async () => {
  const first = await register();
  expect(first.json['status']).toBe('assigning');
  const seen: unknown[] = [];
  await settled(async () => {
    const reply = await poll(first.json['operationId']);
    seen.push(reply.json['status']);
    return reply;
  });
  expect(seen.at(-1)).toBe('assigned');
  expect(seen.slice(0, -1).filter((status) => status !== 'assigning')).toEqual([]);
});
