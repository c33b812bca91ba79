/** `benchline service hub-call`: one signed call to a virtual hub of this service, as docs/operating.md lists them. */
import { systemClock, systemRandom } from '../lib/base/host.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { parseConnectionString } from '../lib/dps/connection-string.ts';
import type { HttpsCall } from '../lib/dps/https-call.ts';
import { createSignedCaller } from '../lib/dps/service-client.ts';
import type { CallAnswer, CallRequest, ServiceCall } from './service-call.ts';
import { hubsOf, textFile, type ReadyHubs } from './service-target.ts';
import { cliFault } from './verb.ts';

export const hubCall: ServiceCall = {
  usage: 'hub-call GET|PUT|POST|PATCH|DELETE PATH [--hub HOST] [--body JSON]   (its first hub, unless told otherwise)',
  run,
};

const methods = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'] as const;
// A direct method may take 300 seconds to connect and 300 to answer.
const timeoutMs = 610_000;

async function run({ words, values }: CallRequest): Promise<Result<CallAnswer>> {
  const call = callOf(words, values.body);
  if (!call.ok) return call;
  const hubs = await hubsOf(values);
  if (!hubs.ok) return hubs;
  const hub = chosenHub(hubs.value, values.hub);
  if (!hub.ok) return hub;
  const connection = parseConnectionString(hub.value.connectionString);
  if (!connection.ok) return connection;
  const ca = await textFile(hubs.value.caFile);
  if (!ca.ok) return ca;
  const options = { connection: connection.value, caPem: ca.value, name: `the hub ${hub.value.hostName}` };
  const caller = createSignedCaller(options, { clock: systemClock, random: systemRandom, timeoutMs });
  const reply = await caller.call(call.value);
  caller.close();
  if (!reply.ok) return reply;
  const json = reply.value.json ?? null;
  return ok({ json, lines: [json === null ? 'Done.' : JSON.stringify(json, undefined, 2)] });
}

function callOf([verb = '', path]: readonly string[], body: string | undefined): Result<HttpsCall> {
  const method = methods.find((known) => known === verb.toUpperCase());
  if (method === undefined || path?.startsWith('/') !== true) {
    return failed(cliFault('option-missing', { option: 'A method and a path, such as GET /statistics/devices,' }));
  }
  if (body === undefined) return ok({ method, path });
  try {
    return ok({ method, path, json: JSON.parse(body) as unknown });
  } catch {
    return failed(cliFault('option-wrong', { option: '--body', value: body, wanted: 'JSON' }));
  }
}

function chosenHub({ hubs }: ReadyHubs, wanted: string | undefined): Result<ReadyHubs['hubs'][number]> {
  const hub = wanted === undefined ? hubs[0] : hubs.find(({ hostName }) => hostName === wanted.toLowerCase());
  if (hub !== undefined) return ok(hub);
  const names = hubs.map(({ hostName }) => hostName).join(', ');
  return failed(cliFault('option-wrong', { option: '--hub', value: wanted ?? '', wanted: `one of ${names}` }));
}
