/**
 * The reference: the same TLS stack (our own HTTPS listener) answers the same requests with a constant and does no work.
 * A program of its own; its last argument is a file with what it shall be.
 */
import { readFileSync } from 'node:fs';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createAmqpAcceptor } from '../../src-main/lib/listen/amqp-acceptor.ts';
import type { AmqpHandlers, AmqpLink, SaslExchange, SaslStep } from '../../src-main/lib/listen/amqp.ts';
import { listenHttps, type WebReply, type WebRequest } from '../../src-main/lib/listen/https-server.ts';
import { createMqttBroker } from '../../src-main/lib/listen/mqtt-broker.ts';
import type { MqttHooks } from '../../src-main/lib/listen/mqtt.ts';
import { listenTls, maxTlsConnections, type ServerCredential } from '../../src-main/lib/listen/tls-server.ts';
import { deviceLimits } from '../../src-main/service/amqp/device-wire.ts';
import { tpmSegments } from '../../src-main/service/amqp/tpm-segments.ts';

export interface ConstantOptions {
  readonly host: string;
  readonly credential: ServerCredential;
  /** The challenge of a TPM: with it, a register over HTTPS without a token gets 401; over AMQP it is in the login. */
  readonly authenticationKey: string | undefined;
}

export interface ConstantReady {
  readonly https: number;
  readonly mqtts: number;
  readonly amqps: number;
  /** Handshakes alone: one byte, then the client closes. */
  readonly bare: number;
}

const options = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ConstantOptions;

const headers = { 'content-type': 'application/json; charset=utf-8' };
const operationId = `5.${'0'.repeat(16)}.${systemRandom.uuid()}`;
const assigning = JSON.stringify({
  operationId,
  status: 'assigning',
  registrationState: { registrationId: 'bench-x509-000000', status: 'assigning' },
});
const time = '2024-05-01T09:08:07.1234567Z';
const assigned = JSON.stringify({
  operationId,
  status: 'assigned',
  registrationState: {
    registrationId: 'bench-x509-000000',
    createdDateTimeUtc: time,
    status: 'assigned',
    assignedHub: '127.0.0.1',
    deviceId: 'bench-x509-000000',
    substatus: 'initialAssignment',
    lastUpdatedDateTimeUtc: time,
    etag: 'IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCI=',
    x509: {
      certificateInfo: {
        subjectName: 'CN=bench-x509-000000',
        sha1Thumbprint: '0'.repeat(40),
        sha256Thumbprint: '0'.repeat(64),
        issuerName: 'CN=Benchmark group',
        ...{ notBeforeUtc: '2024-05-01T09:08:07Z', notAfterUtc: '2024-05-04T09:08:07Z' },
        ...{ serialNumber: '0'.repeat(32), version: 3 },
      },
      enrollmentGroupId: 'bench-group-1',
    },
  },
});
const challenge = JSON.stringify({
  message: 'Authorization required, resend request using supplied key',
  authenticationKey: options.authenticationKey,
  unencryptedAuthenticationKey: null,
  keyName: 'registration',
});
const requestId = systemRandom.uuid();

function answer(request: WebRequest): WebReply {
  const own = { ...headers, 'x-ms-request-id': requestId };
  if (request.method === 'GET') return { status: 200, headers: own, body: assigned };
  if (options.authenticationKey !== undefined && request.header('authorization') === undefined) {
    return { status: 401, headers: own, body: challenge };
  }
  return { status: 202, headers: { ...own, 'retry-after': '3', location: request.path }, body: assigning };
}

const place = { host: options.host, port: 0, credential: options.credential };
const refuse = (): WebReply => ({ status: 400, headers, body: '' });
const https = must(await listenHttps({ ...place, maxBodyBytes: 512 * 1_024, log: silentLog, answer, refuse }));
const hooks: MqttHooks<undefined> = {
  connecting: () => ({ is: 'accepted' }),
  connected: () => undefined,
  disconnected: () => undefined,
  mayPublish: () => true,
  published(connection, { topic }) {
    const isPoll = topic.includes('GET');
    const [, requestId = ''] = /rid=(\d+)/.exec(topic) ?? [];
    const where = `$dps/registrations/res/${isPoll ? 200 : 202}/?$rid=${requestId}${isPoll ? '' : '&retry-after=3'}`;
    connection.send({ topic: where, payload: isPoll ? assignedBytes : assigningBytes, qos: 1 });
  },
  maySubscribe: () => true,
  unsubscribed: () => undefined,
};
const assignedBytes = Buffer.from(assigned);
const assigningBytes = Buffer.from(assigning);
const limits = { maxPacketBytes: 131_072, maxConnections: maxTlsConnections, cleanSession: 'always' } as const;
const broker = await createMqttBroker<undefined>(hooks, limits, silentLog);
const mqtts = must(
  await listenTls({
    ...place,
    accept: (stream) => {
      broker.handle(stream, undefined);
    },
  }),
);
const acceptor = createAmqpAcceptor<Anybody>(
  {
    mechanisms: new Map<string, () => SaslExchange<Anybody>>([
      ['PLAIN', () => ({ start: admit, step: admit })],
      ['TPM', tpmExchange],
    ]),
    bare: () => 'anybody',
    connected: amqpHandlers,
  },
  { clock: systemClock, log: silentLog, limits: deviceLimits },
);
const amqps = must(
  await listenTls({
    ...place,
    accept: (stream, peer) => {
      acceptor.accept(stream, peer);
    },
  }),
);
const bare = must(await listenTls({ ...place, accept: (socket) => void socket.write('1') }));
const ports: ConstantReady = { https: https.port, mqtts: mqtts.port, amqps: amqps.port, bare: bare.port };
process.send?.(ports);
process.on('disconnect', () => process.exit(0));

type Anybody = 'anybody';

function admit(): SaslStep<Anybody> {
  return { is: 'accepted', who: 'anybody' };
}

/** The steps of dps-wire 3.5, whatever is said in them. */
function tpmExchange(): SaslExchange<Anybody> {
  const left = [...(tpmSegments(Buffer.from(options.authenticationKey ?? '', 'base64')) ?? [])];
  const next = (): SaslStep<Anybody> => {
    const bytes = left.shift();
    return bytes === undefined ? admit() : { is: 'challenge', bytes };
  };
  return { start: () => ({ is: 'challenge', bytes: Uint8Array.of(0) }), step: next };
}

function amqpHandlers(): AmqpHandlers {
  let answers: AmqpLink | undefined;
  return {
    attaching(link) {
      if (link.direction === 'out') answers = link;
      return { is: 'accepted' };
    },
    received(_link, { application, correlationId }, delivery) {
      const isPoll = application.get('iotdps-operation-type') === 'iotdps-get-operationstatus';
      delivery.accept();
      const again = { 'retry-after': 3, 'Retry-After': 3 };
      if (isPoll) answers?.send({ correlationId, data: assignedBytes });
      else answers?.send({ correlationId, application: again, data: assigningBytes });
    },
    sendable: () => undefined,
    detached: () => undefined,
    closed: () => undefined,
  };
}
