/** One registration over HTTPS as a device does it, with as little of our own work around it as can be. */
import type { TLSSocket } from 'node:tls';
import type { Credentials } from './service-credentials.ts';
import { nowMs } from './runner.ts';

export interface Registered {
  readonly polls: number;
  readonly responseMs: number;
}

interface Reply {
  readonly status: number;
  readonly json: { readonly operationId?: string; readonly status?: string; readonly authenticationKey?: string };
}

// A registration that takes longer is told as a failure: the benchmark would measure something else.
const maxPolls = 200;

/** Resolves when the device is assigned. */
export async function registerOverHttps(socket: TLSSocket, credentials: Credentials): Promise<Registered> {
  const exchange = httpExchange(socket);
  const { path, body } = credentials;
  let responseMs = 0;
  const ask = async (method: string, where: string, text: string, authorization: string | undefined) => {
    const startMs = nowMs();
    const reply = await exchange(requestText(credentials.host, { method, where, text, authorization }));
    responseMs += nowMs() - startMs;
    return reply;
  };
  let authorization = credentials.authorization;
  let reply = await ask('PUT', `${path}/register?${apiVersion}`, body, authorization);
  if (reply.status === 401 && reply.json.authenticationKey !== undefined) {
    authorization = credentials.answer(reply.json.authenticationKey);
    reply = await ask('PUT', `${path}/register?${apiVersion}`, body, authorization);
  }
  if (reply.status !== 202) throw new Error(`register ended with ${reply.status}`);
  for (let polls = 1; polls <= maxPolls; polls += 1) {
    const operation = reply.json.operationId ?? '';
    reply = await ask('GET', `${path}/operations/${operation}?${apiVersion}`, '', authorization);
    if (reply.json.status === 'assigned') return { polls, responseMs };
    if (reply.status !== 202) throw new Error(`a poll ended with ${reply.status} ${reply.json.status ?? ''}`);
  }
  throw new Error('never assigned');
}

const apiVersion = 'api-version=2019-03-31';

function requestText(
  host: string,
  request: { method: string; where: string; text: string; authorization: string | undefined },
): string {
  const { method, where, text, authorization } = request;
  const proof = authorization === undefined ? '' : `authorization: ${authorization}\r\n`;
  return (
    `${method} ${where} HTTP/1.1\r\nhost: ${host}\r\naccept: application/json\r\n${proof}` +
    `content-type: application/json; charset=utf-8\r\ncontent-length: ${text.length}\r\n\r\n${text}`
  );
}

/** One request at a time; the server sends lengths. */
function httpExchange(socket: TLSSocket): (request: string) => Promise<Reply> {
  let held = '';
  let waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | undefined;
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    held += text;
    const headEnd = held.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const [, length = '0'] = /^content-length: (\d+)\r?$/m.exec(held.slice(0, headEnd + 2)) ?? [];
    const end = headEnd + 4 + Number(length);
    if (held.length < end) return;
    const status = Number(held.slice(9, 12));
    const body = held.slice(headEnd + 4, end);
    held = held.slice(end);
    waiting?.resolve({ status, json: (body === '' ? {} : JSON.parse(body)) as Reply['json'] });
  });
  const lost = (): void => waiting?.reject(new Error('the connection was closed'));
  socket.on('close', lost);
  return (request) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      socket.write(request);
    });
}
