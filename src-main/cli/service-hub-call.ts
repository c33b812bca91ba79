/** `benchline service hub-call`: one signed call to a virtual hub of this service, as docs/operating.md lists them. */
import type { Fault } from '../lib/base/fault.ts';
import { systemClock, systemRandom } from '../lib/base/host.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { parseConnectionString, type ConnectionString } from '../lib/dps/connection-string.ts';
import type { HttpsCall } from '../lib/dps/https-call.ts';
import { createSignedCaller } from '../lib/dps/service-client.ts';
import { orList } from './options.ts';
import type { CallAnswer, HubRequest, ServiceCall } from './service-call.ts';
import { connectionStringIn, hubsOf, readyFileOf, textFile, type ReadyHubs } from './service-target.ts';
import { cliFault } from './verb.ts';

export const hubCall: ServiceCall = {
  usage:
    'hub-call GET|PUT|POST|PATCH|DELETE PATH [--hub HOST | --connection-string-file FILE] [--body JSON]   (its first hub, unless told otherwise)',
  ofHub: true,
  words: 2,
  options: ['hub', 'body'],
  run,
};

const methods = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'] as const;
// A direct method may take 300 seconds to connect and 300 to answer.
const timeoutMs = 610_000;

async function run({ words, values }: HubRequest): Promise<Result<CallAnswer>> {
  const call = callOf(words, values.body);
  if (!call.ok) return call;
  const hub = await askedHub(values);
  if (!hub.ok) return hub;
  const { connection, caFile } = hub.value;
  const ca = caFile === undefined ? ok(undefined) : await textFile(caFile);
  if (!ca.ok) return ca;
  const options = { connection, caPem: ca.value, name: `the hub ${connection.host}` };
  const caller = createSignedCaller(options, { clock: systemClock, random: systemRandom, timeoutMs });
  const reply = await caller.call(call.value);
  caller.close();
  if (!reply.ok) return failed(inItsWords(reply.fault));
  const json = reply.value.json ?? null;
  return ok({ json, lines: [json === null ? 'Done.' : JSON.stringify(json, undefined, 2)] });
}

/** A status of the 500s is about the device or the call more often than about the hub: its own words say which. */
function inItsWords(fault: Fault): Fault {
  const { peer, status, message } = fault.detail ?? {};
  if (fault.code !== 'peer-unavailable' || peer === undefined || message === undefined) return fault;
  return cliFault('hub-answered', { peer, status: status ?? 500, message });
}

function callOf([verb, path]: readonly string[], body: string | undefined): Result<HttpsCall> {
  if (verb === undefined || (path === undefined && isMethod(verb.toUpperCase()))) {
    return failed(cliFault('option-missing', { option: 'A method and a path, such as GET /statistics/devices,' }));
  }
  const method = verb.toUpperCase();
  if (!isMethod(method)) {
    return failed(cliFault('option-wrong', { option: 'The method', value: verb, wanted: orList(methods) }));
  }
  if (path?.startsWith('/') !== true) {
    const wanted = 'one that begins with a slash, such as /statistics/devices';
    return failed(cliFault('option-wrong', { option: 'The path', value: path ?? 'empty', wanted }));
  }
  if (body === undefined) return ok({ method, path });
  try {
    return ok({ method, path, json: JSON.parse(body) as unknown });
  } catch {
    return failed(cliFault('option-wrong', { option: '--body', value: body, wanted: 'JSON' }));
  }
}

type Method = (typeof methods)[number];

function isMethod(verb: string): verb is Method {
  return methods.some((known) => known === verb);
}

interface AskedHub {
  readonly connection: ConnectionString;
  readonly caFile: string | undefined;
}

/** Any hub by its connection string; by name one of those that run beside the service. */
async function askedHub(values: HubRequest['values']): Promise<Result<AskedHub>> {
  const given = await connectionStringIn(values);
  if (!given.ok) return given;
  if (given.value !== undefined) return hubByString(given.value, values);
  const hubs = await hubsOf(values);
  if (!hubs.ok) return hubs;
  const hub = chosenHub(hubs.value, values.hub);
  if (!hub.ok) return hub;
  const connection = parseConnectionString(hub.value.connectionString);
  return connection.ok ? ok({ connection: connection.value, caFile: values.ca ?? hubs.value.caFile }) : connection;
}

async function hubByString(text: string, values: HubRequest['values']): Promise<Result<AskedHub>> {
  const connection = parseConnectionString(text);
  if (!connection.ok) return connection;
  const { host } = connection.value;
  if (values.hub !== undefined && values.hub.toLowerCase() !== host.toLowerCase()) {
    const wanted = `${host}, which the connection string names`;
    return failed(cliFault('option-wrong', { option: '--hub', value: values.hub, wanted }));
  }
  if (values.ca !== undefined || readyFileOf(values) === undefined) {
    return ok({ connection: connection.value, caFile: values.ca });
  }
  const hubs = await hubsOf(values);
  return hubs.ok ? ok({ connection: connection.value, caFile: hubs.value.caFile }) : hubs;
}

function chosenHub({ hubs }: ReadyHubs, wanted: string | undefined): Result<ReadyHubs['hubs'][number]> {
  const hub = wanted === undefined ? hubs[0] : hubs.find(({ hostName }) => hostName === wanted.toLowerCase());
  if (hub !== undefined) return ok(hub);
  const names = orList(hubs.map(({ hostName }) => hostName));
  const others = `${names}; another hub is asked with its --connection-string-file`;
  return failed(cliFault('option-wrong', { option: '--hub', value: wanted ?? '', wanted: others }));
}
