/** A device's MQTT 3.1.1 connection to its hub (dps-wire 10.2): telemetry out, twin in. */
import { connect } from 'mqtt';
import type { IClientOptions, MqttClient } from 'mqtt';
import { fromUtf8 } from '../lib/base/bytes.ts';
import type { CancelSignal } from '../lib/base/cancel.ts';
import type { Clock } from '../lib/base/clock.ts';
import { parseHostPort } from '../lib/base/host-port.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import { agentFault } from './faults.ts';

export interface HubTarget {
  /** As assigned; it goes into user name and token, and may carry a port. */
  readonly hub: string;
  readonly deviceId: string;
  /** Where `hub` names no port. */
  readonly port: number;
  readonly caPem: string | undefined;
  readonly proof:
    | { readonly kind: 'sas'; readonly token: string }
    | { readonly kind: 'x509'; readonly certificatePem: string; readonly privateKeyPem: string };
}

export interface HubConnection {
  /** Resolves when the hub has acknowledged it. */
  sendTelemetry(body: unknown): Promise<Result<void>>;
  readTwin(): Promise<Result<TwinVersions>>;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly gone: Promise<void>;
  close(): Promise<void>;
}

export interface TwinVersions {
  readonly desiredVersion: number;
}

const apiVersion = '2021-04-12';
/** The user agent, as the SDKs send theirs. */
const clientType = 'benchline-agent/1.0.0';
/** A hub answers within a second; the rest is a slow network. */
const stepTimeoutMs = 20_000;
/** What the Node SDK asks for. */
const keepAliveS = 180;

interface Line {
  readonly client: MqttClient;
  readonly target: HubTarget;
  readonly clock: Clock;
}

export async function connectToHub(
  target: HubTarget,
  clock: Clock,
  signal: CancelSignal,
): Promise<Result<HubConnection>> {
  if (signal.aborted) return failed(agentFault('boot-stopped'));
  const client = connect(optionsOf(target));
  const line: Line = { client, target, clock };
  const gone = new Promise<void>((resolve) => {
    client.once('close', resolve);
  });
  const close = async (): Promise<void> => {
    // Forced: what was not acknowledged in time is not waited for a second time.
    await client.endAsync(true);
  };
  const stop = (): void => {
    close().catch(() => undefined);
  };
  signal.addEventListener('abort', stop);
  gone.then(() => {
    signal.removeEventListener('abort', stop);
  }, stop);
  const opened = await settled(line, 'connect', (done) => {
    client.once('connect', () => {
      done(ok());
    });
    // Stays for the whole life of the client: an error without a listener would end the process.
    client.on('error', (error) => {
      done(failed(refusalOf(target, error)));
    });
  });
  if (!opened.ok) {
    await close();
    return opened;
  }
  return ok({
    gone,
    close,
    sendTelemetry: (body) => sendTelemetry(line, body),
    readTwin: () => readTwin(line),
  });
}

function optionsOf(target: HubTarget): IClientOptions {
  const { host, port } = hostAndPort(target);
  const { proof, caPem } = target;
  return {
    protocol: 'mqtts',
    host,
    port,
    protocolVersion: 4,
    clientId: target.deviceId,
    username: `${target.hub}/${target.deviceId}/?api-version=${apiVersion}&DeviceClientType=${encodeURIComponent(clientType)}`,
    clean: true,
    keepalive: keepAliveS,
    // The boot loop decides when to try again, with a fresh token.
    reconnectPeriod: 0,
    connectTimeout: stepTimeoutMs,
    ...(caPem === undefined ? {} : { ca: caPem }),
    ...(proof.kind === 'sas' ? { password: proof.token } : { cert: proof.certificatePem, key: proof.privateKeyPem }),
  };
}

function hostAndPort(target: HubTarget): { readonly host: string; readonly port: number } {
  const { host = target.hub, port = target.port } = parseHostPort(target.hub) ?? {};
  return { host, port };
}

/** Runs one step to its end, to the end of the connection, or to the end of its time. */
function settled<T>(
  { client, target, clock }: Line,
  step: string,
  begin: (done: (result: Result<T>) => void) => void,
): Promise<Result<T>> {
  return new Promise((resolve) => {
    const done = (result: Result<T>): void => {
      cancel();
      client.off('close', lost);
      resolve(result);
    };
    const lost = (): void => {
      done(failed(agentFault('hub-lost', { hub: target.hub })));
    };
    const cancel = clock.after(stepTimeoutMs, () => {
      done(failed(agentFault('hub-silent', { hub: target.hub, step })));
    });
    client.once('close', lost);
    begin(done);
  });
}

/** MQTT 3.1.1 section 3.2.2.3: 1 to 5 are refusals; everything else came from below. */
function refusalOf(target: HubTarget, error: Error) {
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'number') return agentFault('hub-refused', { hub: target.hub, code });
  const reason = typeof code === 'string' ? code : 'TLS or network';
  return agentFault('hub-unreachable', { hub: target.hub, reason });
}

function sendTelemetry(line: Line, body: unknown): Promise<Result<void>> {
  const { client, target } = line;
  const topic = `devices/${target.deviceId}/messages/events/$.ct=application%2Fjson&$.ce=utf-8`;
  return settled(line, 'telemetry', (done) => {
    client.publish(topic, JSON.stringify(body), { qos: 1 }, (error) => {
      done(error ? failed(agentFault('hub-lost', { hub: target.hub })) : ok());
    });
  });
}

function readTwin(line: Line): Promise<Result<TwinVersions>> {
  const { client, target } = line;
  const requestId = '1';
  return settled(line, 'twin', (done) => {
    const onMessage = (topic: string, payload: Buffer): void => {
      const answer = twinAnswer(topic, requestId);
      if (answer === undefined) return;
      client.off('message', onMessage);
      const desiredVersion = answer === 200 ? desiredVersionOf(payload) : undefined;
      done(
        desiredVersion === undefined
          ? failed(agentFault('hub-twin-refused', { hub: target.hub, status: answer }))
          : ok({ desiredVersion }),
      );
    };
    client.on('message', onMessage);
    client.subscribe('$iothub/twin/res/#', { qos: 0 }, (error) => {
      if (error === null) client.publish(`$iothub/twin/GET/?$rid=${requestId}`, ' ', { qos: 0 });
      else done(failed(agentFault('hub-lost', { hub: target.hub })));
    });
  });
}

/** `$iothub/twin/res/{status}/?$rid={r}[&$version={v}]`: the status, when it is the answer to this request. */
function twinAnswer(topic: string, requestId: string): number | undefined {
  const [, status, query] = /^\$iothub\/twin\/res\/(\d{3})\/\?(.*)$/.exec(topic) ?? [];
  return query?.split('&').includes(`$rid=${requestId}`) === true ? Number(status) : undefined;
}

function desiredVersionOf(payload: Uint8Array): number | undefined {
  try {
    const twin = JSON.parse(fromUtf8(payload) ?? '') as { desired?: { $version?: unknown } } | null;
    const version = twin?.desired?.$version;
    return typeof version === 'number' ? version : undefined;
  } catch {
    return undefined;
  }
}
