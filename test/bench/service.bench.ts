/** Registrations a second through the real service, against the same TLS stack that answers with a constant. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../src-main/lib/base/result.ts';
import { tlsKeyKinds, type TlsKeyKind } from '../../src-main/lib/x509/tls-authority.ts';
import { groupOf } from '../flows/service-devices.ts';
import { fillEnrollments, tpmEnrollment } from './service-fill.ts';
import { flatness } from './service-flatness.ts';
import { idleMemory } from './service-idle.ts';
import {
  keyGroup,
  makeIdentities,
  symmetricDevices,
  tpmDevices,
  x509Devices,
  type Identities,
} from './service-identities.ts';
import {
  clientOf,
  cpuSeconds,
  startConstant,
  startHubs,
  startLoad,
  startService,
  type LoadGenerator,
} from './service-lab.ts';
import type { Load, LoadDevice, LoadReport, ServiceProof, ServiceProtocol } from './service-load-types.ts';
import { median, ofSamples, quantile, type BenchContext, type Benchmark, type Figure } from './runner.ts';
import { readFileSync } from 'node:fs';

// Enough under way that the server is never without work; far below the listener's own bound.
const atOnce = 48;
// Turns of about two seconds each, one after the other, so that what else the machine does falls on both.
const turns = 5;
const perTurn = 400;
// A service runs for weeks: what its first thousand registrations take longer, while the engine still compiles, is not
// what a hall waits for. The constant server is warmed by as many.
const warmUp = 1_500;
const paced = 400;
const devicesPerRow = warmUp + turns * perTurn + paced;

interface Row {
  readonly protocol: ServiceProtocol;
  readonly proof: ServiceProof;
}

// For whoever works on one of them: part of a row's name, such as `tpm, p256`.
const only = process.env['BENCH_ROWS'] ?? '';

const rows: readonly Row[] = [
  { protocol: 'https', proof: 'x509-group' },
  { protocol: 'https', proof: 'symmetric-group' },
  { protocol: 'https', proof: 'tpm' },
  { protocol: 'mqtt', proof: 'x509-group' },
  { protocol: 'mqtt', proof: 'symmetric-group' },
  { protocol: 'amqp', proof: 'x509-group' },
  { protocol: 'amqp', proof: 'symmetric-group' },
  { protocol: 'amqp', proof: 'tpm' },
];

export const service: Benchmark = {
  name: 'service',
  about: `registrations from connect to assigned, a fresh TLS connection each, polls at once, ${atOnce} at a time`,
  processes: 'the service, two hubs in one process, and a load generator in one process; the constant server instead',
  durability:
    'service: WAL, each commit synced before it is told; hubs: WAL, synchronous=FULL; the constant server keeps nothing',
  run,
};

async function run(context: BenchContext): Promise<readonly Figure[]> {
  const own = await makeIdentities();
  const needsCertificates = allNames.some((name) => name.includes('x509-group') && name.includes(only));
  const certificates = needsCertificates || 'flatness'.includes(only) ? devicesPerRow : 0;
  context.say(`making ${certificates} certificates`);
  const devices: Record<ServiceProof, readonly LoadDevice[]> = {
    'x509-group': await x509Devices(own, certificates),
    'symmetric-group': symmetricDevices(own, devicesPerRow),
    tpm: tpmDevices(devicesPerRow),
  };
  const load = startLoad();
  try {
    const figures: Figure[] = [];
    for (const tlsKey of tlsKeyKinds) {
      if (!rows.some((row) => nameOf(row, tlsKey).includes(only))) continue;
      figures.push(...(await measureAll({ context, own, devices, load, tlsKey })));
    }
    if ('idle'.includes(only)) figures.push(...(await idleMemory(context, own, load)));
    if (!'flatness'.includes(only)) return figures;
    return [...figures, ...(await flatness(context, own, devices['x509-group'], load))];
  } finally {
    await load.close();
  }
}

interface Scope {
  readonly context: BenchContext;
  readonly own: Identities;
  readonly devices: Readonly<Record<ServiceProof, readonly LoadDevice[]>>;
  readonly load: LoadGenerator;
  readonly tlsKey: TlsKeyKind;
}

async function measureAll(scope: Scope): Promise<readonly Figure[]> {
  const { context, own, tlsKey } = scope;
  const folder = join(context.folder, tlsKey);
  mkdirSync(join(folder, 'service'), { recursive: true });
  const ids = scope.devices.tpm.map((device) => device.registrationId);
  await fillEnrollments(join(folder, 'service'), ids.length, (at) => tpmEnrollment(ids[at] ?? '', own.tpm));
  const place = { folder, base: context.block.base };
  const hubs = await startHubs(place);
  const running = await startService(place, hubs.ready, { tlsKey });
  try {
    const client = clientOf(running.ready);
    must(await client.groups.put(groupOf('bench-group-1', own.authority.certificate)));
    must(await client.groups.put(keyGroup('bench-group-2', own.groupKey)));
    client.close();
    const caPem = readFileSync(running.ready.caFile, 'utf8');
    const figures: Figure[] = [];
    for (const row of rows) {
      if (!nameOf(row, tlsKey).includes(only)) continue;
      const challenge = row.proof === 'tpm' ? own.challenge : undefined;
      const constant = await startConstant(place, tlsKey, challenge);
      const common = {
        ...{ caPem, idScope: running.ready.idScope, ...row, deviceKeyPem: own.deviceKeyPem },
        tpm: row.proof === 'tpm' ? own.tpm : undefined,
      };
      const real = { ...common, host: `${place.base}.1`, port: running.ready.ports[doorOf[row.protocol]] };
      const bare = { ...common, host: `${place.base}.2`, port: constant.ready[doorOf[row.protocol]] };
      const pids = { service: running.pid, hubs: hubs.pid, load: scope.load.pid, constant: constant.pid };
      const measured = await measureRow({ scope, row, real, bare, pids, handshakePort: constant.ready.bare });
      for (const figure of measured) context.say(shownShort(figure));
      figures.push(...measured);
      await constant.close();
    }
    return figures;
  } finally {
    await running.stop();
    await hubs.stop();
  }
}

const doorOf = { https: 'https', mqtt: 'mqtts', amqp: 'amqps' } as const satisfies Record<ServiceProtocol, string>;

const nameOf = ({ protocol, proof }: Row, tlsKey: TlsKeyKind): string => `${protocol} ${proof}, ${tlsKey}`;

const allNames = tlsKeyKinds.flatMap((tlsKey) => rows.map((row) => nameOf(row, tlsKey)));

function shownShort({ name, value, unit, reference, note }: Figure): string {
  const ratio =
    reference === undefined ? '' : `, ${(value / reference.value).toFixed(2)} of ${reference.value.toFixed(1)}`;
  return `${name}: ${value.toFixed(1)} ${unit}${ratio}; ${note ?? ''}`;
}

type Target = Omit<Load, 'devices'>;
type Pids = Readonly<Record<'service' | 'hubs' | 'load' | 'constant', number>>;

interface RowScope {
  readonly scope: Scope;
  readonly row: Row;
  readonly real: Target;
  readonly bare: Target;
  readonly pids: Pids;
  readonly handshakePort: number;
}

async function measureRow({ scope, row, real, bare, pids, handshakePort }: RowScope): Promise<readonly Figure[]> {
  const { load } = scope;
  const all = scope.devices[row.proof];
  const name = nameOf(row, scope.tlsKey);
  const slice = (from: number, count: number) => all.slice(from, from + count);
  const runOn = async (target: Target, devices: readonly LoadDevice[]): Promise<LoadReport> => {
    await load.ask({ order: 'prepare', load: { ...target, devices } });
    return checked(name, await load.ask({ order: 'run', atOnce }));
  };
  await runOn(real, slice(0, warmUp));
  await runOn(bare, slice(0, warmUp));
  const [reals, bares] = [createMeter(pids), createMeter(pids)];
  for (let turn = 0; turn < turns; turn += 1) {
    const devices = slice(warmUp + turn * perTurn, perTurn);
    await reals.take(() => runOn(real, devices));
    await bares.take(() => runOn(bare, devices));
  }
  const rate = median(reals.rates);
  const figures: Figure[] = [
    {
      ...{ name, unit: '1/s', value: rate, runs: turns },
      reference: { name: 'constant', value: median(bares.rates) },
      note: `${reals.pollsEach().toFixed(2)} polls each; cores: ${reals.cores()}; constant: ${bares.cores()}`,
    },
  ];
  const half = await pacedFigure(
    rate / 2,
    async (devices, perSecond) => {
      await load.ask({ order: 'prepare', load: { ...real, devices } });
      return checked(name, await load.ask({ order: 'pace', perSecond }));
    },
    slice(warmUp + turns * perTurn, paced),
  );
  figures.push(...half);
  if (row.protocol === 'https' && row.proof === 'x509-group') {
    await load.ask({ order: 'prepare', load: { ...bare, port: handshakePort, devices: slice(0, perTurn) } });
    const { ms, done } = await load.ask({ order: 'handshakes', count: 2 * perTurn, atOnce });
    figures.push({ name: `bare mutual-TLS handshakes, ${scope.tlsKey}`, unit: '1/s', value: (1_000 * done) / ms });
  }
  return figures;
}

async function pacedFigure(
  perSecond: number,
  pace: (devices: readonly LoadDevice[], perSecond: number) => Promise<LoadReport>,
  devices: readonly LoadDevice[],
): Promise<readonly Figure[]> {
  const { responseMs } = await pace(devices, perSecond);
  const p99 = quantile(responseMs, 0.99).toFixed(1);
  const note = `p99 ${p99} ms, at ${perSecond.toFixed(0)} a second`;
  return [ofSamples(`  its response times in sum`, responseMs, { note })];
}

function checked(name: string, report: LoadReport): LoadReport {
  const [first] = report.failures;
  if (first !== undefined) throw new Error(`${name}: ${report.failures.length} failed, the first: ${first}`);
  return report;
}

/** Adds up runs: their rates, and what share of the cores each process had. */
function createMeter(pids: Pids) {
  const rates: number[] = [];
  const used = { service: 0, hubs: 0, load: 0, constant: 0 };
  const names = ['service', 'hubs', 'load', 'constant'] as const;
  let [seconds, done, polls] = [0, 0, 0];
  return {
    rates,
    async take(work: () => Promise<LoadReport>): Promise<void> {
      const before = names.map((name) => cpuSeconds(pids[name]));
      const report = await work();
      names.forEach((name, at) => (used[name] += cpuSeconds(pids[name]) - (before[at] ?? 0)));
      seconds += report.ms / 1_000;
      done += report.done;
      polls += report.polls;
      rates.push((1_000 * report.done) / report.ms);
    },
    pollsEach: () => polls / done,
    cores: () =>
      names
        .filter((name) => used[name] / seconds > 0.01)
        .map(
          (name) =>
            `${name} ${(used[name] / seconds).toFixed(2)} (${((1_000 * used[name]) / done).toFixed(2)} ms each)`,
        )
        .join(', '),
  };
}
