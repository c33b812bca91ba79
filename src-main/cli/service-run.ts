/** `benchline service`: the hub program and the service program as one, started, watched and stopped together. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Fault } from '../lib/base/fault.ts';
import { isoTime, systemClock, systemRandom } from '../lib/base/host.ts';
import { jsonLog, type Log } from '../lib/base/log.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import {
  awaitReadyFile,
  clearReadyFile,
  superviseProgram,
  type ProgramEnd,
  type ProgramParts,
  type SupervisedProgram,
} from '../lib/process/program.ts';
import { removeReadyFile, writeReadyFile } from '../lib/process/ready-file.ts';
import { stopRequested, whenStopped } from '../lib/process/stop.ts';
import { claimFile, type FileClaim } from '../lib/sqlite/file-claim.ts';
import type { TlsKeyKind } from '../lib/x509/tls-authority.ts';
import { programFile, type ProgramName } from './program-file.ts';
import { linkOwnHubs } from './service-hubs.ts';
import { choosePlace, type Ports, type ServicePlace } from './service-place.ts';
import { cliFault, exitCodes, failWith, type Output } from './verb.ts';

export interface ServiceRunOptions {
  readonly dataFolder: string;
  readonly readyFile: string;
  readonly listen: string | undefined;
  readonly hubListen: string | undefined;
  readonly ports: Partial<Ports>;
  readonly hubs: number;
  readonly retryAfterS: number;
  readonly tlsKey: TlsKeyKind;
  /** The service program reads it: more roots to trust for linked hubs. */
  readonly hubCaFile: string | undefined;
  /** The hub program reads these two and says what is wrong with them. */
  readonly hubNames: string | undefined;
  readonly hubFaults: string | undefined;
}

const portsShape = z.object({ https: z.int(), mqtts: z.int(), amqps: z.int() });

const hubsReady = z.array(
  z.object({ hostName: z.string(), address: z.string(), ports: portsShape, connectionString: z.string() }),
);

const serviceReady = z.object({
  idScope: z.string(),
  deviceHost: z.string(),
  ports: portsShape,
  serviceConnectionString: z.string(),
  caFile: z.string(),
});

/** What whoever started us reads. */
export interface CombinedReady extends z.output<typeof serviceReady> {
  readonly hubs: z.output<typeof hubsReady>;
}

// First start makes an RSA key for the authority and one for each server: seconds each on a slow machine.
const readyLimitMs = 90_000;

// A service whose parent was killed still closes its programs: a few seconds. Longer is another service at work.
const claimPatienceMs = 5_000;

export async function runService(options: ServiceRunOptions, output: Output): Promise<number> {
  const stop = stopRequested();
  const prepared = await prepare(options, stop);
  if (!prepared.ok) return stop.aborted ? exitCodes.done : failWith(prepared.fault, output);
  const { place, claim } = prepared.value;
  for (const note of place.notes) output.say(note);
  const parts: ProgramParts = { clock: systemClock, random: systemRandom, log: logTo(output) };
  const running: SupervisedProgram[] = [];
  const started = await startBoth(options, place, { parts, running, stop });
  let fault = started.ok ? undefined : started.fault;
  if (started.ok) {
    const told = await writeReadyFile(options.readyFile, started.value);
    fault = told.ok ? undefined : told.fault;
    if (told.ok) {
      output.say(summaryOf(started.value, options));
      await whenStopped(stop);
    }
    await removeReadyFile(options.readyFile, started.value);
  }
  // the service first: what it has in hand it finishes with its hubs
  for (const program of running.reverse()) await program.stop();
  place.release();
  claim.release();
  return fault === undefined || stop.aborted ? exitCodes.done : failWith(fault, output);
}

interface Prepared {
  readonly place: ServicePlace;
  readonly claim: FileClaim;
}

/** Nothing of the folder is touched before it is this service's alone. */
async function prepare(options: ServiceRunOptions, signal: AbortSignal): Promise<Result<Prepared>> {
  const { dataFolder: folder } = options;
  try {
    await mkdir(join(folder, 'run'), { recursive: true, mode: 0o700 });
    const claim = await claimFile(join(folder, 'lock.db'), { clock: systemClock, limitMs: claimPatienceMs, signal });
    if (!claim.ok) {
      return claim.fault.code === 'database-busy' ? failed(cliFault('data-folder-in-use', { folder })) : claim;
    }
    const place = await clearedPlace(options);
    if (place.ok) return ok({ place: place.value, claim: claim.value });
    claim.value.release();
    return place;
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    return failed(cliFault('data-folder-unusable', { folder, reason }));
  }
}

async function clearedPlace(options: ServiceRunOptions): Promise<Result<ServicePlace>> {
  const { dataFolder, readyFile, listen, hubListen, ports, hubs } = options;
  if (await isFolder(readyFile))
    return failed(cliFault('file-unwritable', { file: readyFile, reason: 'it is a folder' }));
  await clearReadyFile(readyFile);
  return choosePlace({ listen, hubListen, ports, hubs, stateFile: join(dataFolder, 'place.json') });
}

async function isFolder(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isDirectory() === true;
}

interface StartScope {
  readonly parts: ProgramParts;
  readonly running: SupervisedProgram[];
  readonly stop: AbortSignal;
}

async function startBoth(
  options: ServiceRunOptions,
  place: ServicePlace,
  scope: StartScope,
): Promise<Result<CombinedReady>> {
  const { dataFolder } = options;
  const { https, mqtts, amqps } = place.ports;
  const common = [
    ...['--https', String(https), '--mqtts', String(mqtts), '--amqps', String(amqps)],
    ...['--tls-dir', join(dataFolder, 'tls'), '--tls-key', options.tlsKey],
  ];
  const hubs: StartRequest<z.output<typeof hubsReady>> = {
    program: 'hub',
    readyFile: join(dataFolder, 'run', 'hub.json'),
    args: [
      ...['--data', join(dataFolder, 'hubs'), '--hubs', String(options.hubs), '--listen', place.hubAddress, ...common],
      ...(options.hubNames === undefined ? [] : ['--host-names', options.hubNames]),
      ...(options.hubFaults === undefined ? [] : ['--faults', options.hubFaults]),
    ],
    parse: (json) => hubsReady.safeParse(json).data,
  };
  const service: StartRequest<z.output<typeof serviceReady>> = {
    program: 'service',
    readyFile: join(dataFolder, 'run', 'service.json'),
    args: [
      ...['--data', join(dataFolder, 'service'), '--listen', place.address, ...common],
      ...['--retry-after', String(options.retryAfterS)],
      ...(options.hubCaFile === undefined ? [] : ['--hub-ca-file', options.hubCaFile]),
    ],
    parse: (json) => serviceReady.safeParse(json).data,
  };
  // At once: neither needs the other before the hubs are linked, and whoever makes the TLS authority first, makes it for both.
  await Promise.all([clearReadyFile(hubs.readyFile), clearReadyFile(service.readyFile)]);
  const together = failTogether(scope);
  const [hubsUp, serviceUp] = await Promise.all([together.start(hubs), together.start(service)]);
  const fault = together.firstFault();
  if (fault !== undefined) return failed(fault);
  if (!hubsUp.ok) return hubsUp;
  if (!serviceUp.ok) return serviceUp;
  const linked = await linkOwnHubs(serviceUp.value, hubsUp.value, scope.parts);
  return linked.ok ? ok({ ...serviceUp.value, hubs: hubsUp.value }) : linked;
}

/** Nobody waits for a program once another has failed: the first fault is what a person is told. */
function failTogether(scope: StartScope) {
  const givenUp = new AbortController();
  const stop = AbortSignal.any([scope.stop, givenUp.signal]);
  let first: Fault | undefined;
  return {
    firstFault: () => first,
    async start<Ready>(request: StartRequest<Ready>): Promise<Result<Ready>> {
      const started = await startOne({ ...scope, stop }, request);
      if (started.ok) return started;
      first ??= started.fault;
      givenUp.abort();
      return started;
    },
  };
}

interface StartRequest<Ready> {
  readonly program: ProgramName;
  readonly readyFile: string;
  readonly args: readonly string[];
  readonly parse: (json: unknown) => Ready | undefined;
}

function startOne<Ready>(scope: StartScope, request: StartRequest<Ready>): Promise<Result<Ready>> {
  const { program, readyFile } = request;
  const args = [programFile(program), ...request.args, '--ready-file', readyFile];
  // the first time it dies before it was ready, it is not worth waiting for the second
  let diedEarly: (end: ProgramEnd) => void = () => undefined;
  const ended = new Promise<ProgramEnd>((resolve) => {
    diedEarly = resolve;
  });
  const supervised = superviseProgram({ program, command: process.execPath, args }, scope.parts, () => {
    diedEarly({ code: null, signal: null });
  });
  scope.running.push(supervised);
  const wait = { program, file: readyFile, limitMs: readyLimitMs, clock: scope.parts.clock };
  return awaitReadyFile({
    ...wait,
    parse: request.parse,
    ended,
    reason: () => supervised.reason(),
    signal: scope.stop,
  });
}

function logTo(output: Output): Log {
  const ours = jsonLog(
    (line) => {
      output.warn(line);
    },
    () => isoTime(systemClock.nowMs()),
  );
  return passingOn(ours, output);
}

/** What a child says is a log line already; it is shown as it came. */
function passingOn(log: Log, output: Output): Log {
  return {
    ...log,
    info(event, fields) {
      const line = fields?.['line'];
      if (event === 'said' && typeof line === 'string') output.warn(line);
      else log.info(event, fields);
    },
    with: (fields) => passingOn(log.with(fields), output),
  };
}

function summaryOf(ready: CombinedReady, options: ServiceRunOptions): string {
  const { https, mqtts, amqps } = ready.ports;
  return [
    'The provisioning service accepts connections.',
    `  Device host  ${ready.deviceHost} (HTTPS ${https}, MQTT ${mqtts}, AMQP ${amqps})`,
    `  ID scope     ${ready.idScope}`,
    `  Hubs         ${ready.hubs.map(({ hostName }) => hostName).join(', ')}`,
    `  CA file      ${ready.caFile}`,
    `  Connection strings are in ${options.readyFile} (readable by this user alone).`,
  ].join('\n');
}
