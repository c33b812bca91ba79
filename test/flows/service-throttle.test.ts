/** A flood of wrong credentials at the real service: refused cheaply where it comes from, and felt nowhere else. */
import { Agent, request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import { inOneHour, openServiceBed, type ServiceBed } from './service-bed.ts';

let bed: ServiceBed;
beforeAll(async () => {
  bed = await openServiceBed(1);
});
afterAll(() => bed.close());

interface Reply {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly json: Record<string, unknown>;
}

/** From an address of its own of the bed's block, over one connection. */
function caller(localAddress: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (method: string, path: string, authorization: string): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const options = { host: bed.address, port: 8443, ca: bed.caPem, method, path, localAddress, agent };
      const request = httpsRequest({ ...options, headers: { authorization } }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => {
          const json = JSON.parse(Buffer.concat(pieces).toString()) as Record<string, unknown>;
          resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], json });
        });
      });
      request.on('error', reject);
      request.end();
    });
  return {
    register: (id: string, authorization: string) =>
      ask('PUT', `/${bed.ready.idScope}/registrations/${id}/register?api-version=2019-03-31`, authorization),
    counts: (authorization: string) => ask('GET', '/benchline/v1/counts', authorization),
    close: () => agent.destroy(),
  };
}

async function token(id: string, key: Uint8Array): Promise<string> {
  const request = { resource: `${bed.ready.idScope}/registrations/${id}`, expiresAtS: inOneHour() };
  return must(await createSasToken(request, keySigner(key)));
}

it('answers 429 with a time to wait after thirty wrong ones, to nobody else at that address or elsewhere', async () => {
  const key = Buffer.alloc(32, 7);
  const symmetricKey = { primaryKey: key.toString('base64') };
  for (const registrationId of ['flooded', 'beside']) {
    must(await bed.client.enrollments.put({ registrationId, attestation: { type: 'symmetricKey', symmetricKey } }));
  }
  const block = bed.address.replace(/\.\d+$/, '');
  const [here, elsewhere] = [caller(`${block}.77`), caller(`${block}.78`)];
  try {
    const wrong = await token('flooded', Buffer.alloc(32));
    const replies: Reply[] = [];
    // More than time gives back meanwhile, however slow this machine is: one every two seconds.
    for (let at = 0; replies.at(-1)?.status !== 429 && at < 300; at += 1)
      replies.push(await here.register('flooded', wrong));
    expect(replies.filter((reply) => reply.status === 401).length).toBeGreaterThanOrEqual(30);
    const last = replies.at(-1);
    expect(last).toMatchObject({ status: 429, json: { errorCode: 429_001 } });
    expect(Number(last?.retryAfter)).toBeGreaterThanOrEqual(1);
    expect((await here.register('beside', await token('beside', key))).status).toBe(202);
    expect((await elsewhere.register('flooded', await token('flooded', key))).status).toBe(202);
  } finally {
    here.close();
    elsewhere.close();
  }
});

it('makes a source wait whose policy key is wrong, while the owner goes on elsewhere', async () => {
  const resource = bed.ready.deviceHost;
  const keyName = 'provisioningserviceowner';
  const wrong = must(await createSasToken({ resource, expiresAtS: inOneHour(), keyName }, keySigner(Buffer.alloc(32))));
  const right = await bed.owner();
  const block = bed.address.replace(/\.\d+$/, '');
  const [here, elsewhere] = [caller(`${block}.79`), caller(`${block}.80`)];
  try {
    const statuses: number[] = [];
    for (let at = 0; statuses.at(-1) !== 429 && at < 300; at += 1) statuses.push((await here.counts(wrong)).status);
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(30);
    expect(await here.counts(right)).toMatchObject({ status: 429, json: { errorCode: 429_001 } });
    expect((await elsewhere.counts(right)).status).toBe(200);
  } finally {
    here.close();
    elsewhere.close();
  }
});
