/** The load generator: a program of its own, told by messages what to do; it stands for many devices. */
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { nowMs } from './runner.ts';
import { registerOverAmqp } from './service-amqp-driver.ts';
import { credentialsFor, type Credentials } from './service-credentials.ts';
import { registerOverHttps, type Registered } from './service-https-driver.ts';
import { idleOverMqtt, registerOverMqtt } from './service-mqtt-driver.ts';
import { nothingDone, type Load, type LoadOrder, type LoadReport, type ServiceProtocol } from './service-load-types.ts';

const drivers: Record<ServiceProtocol, (socket: TLSSocket, device: Credentials) => Promise<Registered>> = {
  https: registerOverHttps,
  mqtt: registerOverMqtt,
  amqp: registerOverAmqp,
};

interface Prepared {
  readonly load: Load;
  /** A key and a certificate are read once by a real device too, not at every connection. */
  readonly devices: readonly { readonly credentials: Credentials; readonly context: SecureContext }[];
}

let prepared: Prepared | undefined;

function prepare(load: Load): Prepared {
  const credentials = credentialsFor(load);
  const plain = createSecureContext({ ca: load.caPem });
  const contextOf = (certificatePem: string | undefined): SecureContext =>
    certificatePem === undefined
      ? plain
      : createSecureContext({ ca: load.caPem, cert: certificatePem, key: load.deviceKeyPem });
  const devices = load.devices.map((device) => ({
    credentials: credentials(device),
    context: contextOf(device.certificatePem),
  }));
  return { load, devices };
}

function connected({ load }: Prepared, secureContext: SecureContext): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: load.host, port: load.port, secureContext });
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket);
    });
  });
}

interface Tally {
  done: number;
  polls: number;
  readonly failures: string[];
  readonly responseMs: number[];
  readonly wholeMs: number[];
}

async function registerOne(all: Prepared, at: number, tally: Tally): Promise<void> {
  const device = all.devices[at];
  const driver = drivers[all.load.protocol];
  if (device === undefined) throw new Error('no such device');
  const startMs = nowMs();
  let socket: TLSSocket | undefined;
  try {
    socket = await connected(all, device.context);
    const { polls, responseMs } = await driver(socket, device.credentials);
    tally.done += 1;
    tally.polls += polls;
    tally.responseMs.push(responseMs);
    tally.wholeMs.push(nowMs() - startMs);
  } catch (error) {
    tally.failures.push(error instanceof Error ? error.message : String(error));
  } finally {
    socket?.destroy();
  }
}

const emptyTally = (): Tally => ({ done: 0, polls: 0, failures: [], responseMs: [], wholeMs: [] });

async function inParallel(count: number, atOnce: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function runAll(all: Prepared, atOnce: number): Promise<LoadReport> {
  const tally = emptyTally();
  const startMs = nowMs();
  await inParallel(all.devices.length, atOnce, (at) => registerOne(all, at, tally));
  return { ...tally, ms: nowMs() - startMs };
}

/** An arrival every so often, whether or not the earlier ones are through: a slow server is not spared. */
async function runPaced(all: Prepared, perSecond: number): Promise<LoadReport> {
  const tally = emptyTally();
  const startMs = nowMs();
  const under: Promise<void>[] = [];
  for (let at = 0; at < all.devices.length; at += 1) {
    const waitMs = startMs + (at * 1_000) / perSecond - nowMs();
    if (waitMs > 0) await new Promise<void>((resolve) => void systemClock.after(waitMs, resolve));
    under.push(registerOne(all, at, tally));
  }
  await Promise.all(under);
  return { ...tally, ms: nowMs() - startMs };
}

/** A handshake with a client certificate, until the server has taken it: it says one byte then. */
async function handshakes(all: Prepared, count: number, atOnce: number): Promise<LoadReport> {
  const startMs = nowMs();
  await inParallel(count, atOnce, async (at) => {
    const device = all.devices[at % all.devices.length];
    if (device === undefined) throw new Error('no device');
    const socket = await connected(all, device.context);
    await new Promise<void>((resolve, reject) => {
      socket.once('data', () => {
        resolve();
      });
      socket.once('close', () => {
        reject(new Error('the connection was closed'));
      });
    });
    socket.destroy();
  });
  return { ...nothingDone, done: count, ms: nowMs() - startMs };
}

const idle: TLSSocket[] = [];

async function stayIdle(all: Prepared): Promise<LoadReport> {
  await inParallel(all.devices.length, 32, async (at) => {
    const device = all.devices[at];
    if (device === undefined) throw new Error('no device');
    const socket = await connected(all, device.context);
    idle.push(socket);
    await idleOverMqtt(socket, device.credentials);
  });
  return { ...nothingDone, done: idle.filter((socket) => !socket.destroyed).length };
}

function leave(): LoadReport {
  for (const socket of idle.splice(0)) socket.destroy();
  return nothingDone;
}

async function obey(order: LoadOrder): Promise<LoadReport> {
  if (order.order === 'prepare') {
    prepared = prepare(order.load);
    return nothingDone;
  }
  if (prepared === undefined) throw new Error('nothing was prepared');
  if (order.order === 'idle') return stayIdle(prepared);
  if (order.order === 'leave') return leave();
  if (order.order === 'run') return runAll(prepared, order.atOnce);
  if (order.order === 'pace') return runPaced(prepared, order.perSecond);
  return handshakes(prepared, order.count, order.atOnce);
}

process.on('message', (order: LoadOrder) => {
  void obey(order).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit(0));
