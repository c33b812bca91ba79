/** Whether one registration takes as long among a million enrollments as among a thousand, and among 100 groups. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../src-main/lib/base/result.ts';
import type { IndividualEnrollment } from '../../src-main/lib/dps/wire.ts';
import { groupOf, makeAuthority } from '../flows/service-devices.ts';
import { median, type BenchContext, type Figure } from './runner.ts';
import { fillEnrollments } from './service-fill.ts';
import type { Identities } from './service-identities.ts';
import {
  clientOf,
  startHubs,
  startService,
  type LoadGenerator,
  type Program,
  type ServiceReady,
} from './service-lab.ts';
import type { LoadDevice } from './service-load-types.ts';

// One at a time, in turns over the three services, so that what else the machine does falls on all of them.
const turns = 8;
const perTurn = 40;
const warmUp = 80;

interface Size {
  readonly name: string;
  readonly address: number;
  readonly enrollments: number;
  readonly groups: number;
}

const sizes: readonly [Size, ...Size[]] = [
  { name: '1,000 enrollments and 1 group', address: 1, enrollments: 1_000, groups: 1 },
  { name: '1,000,000 enrollments', address: 3, enrollments: 1_000_000, groups: 1 },
  { name: '100 groups', address: 4, enrollments: 1_000, groups: 100 },
];

const key = Buffer.alloc(32, 1).toString('base64');
const enrollment = (at: number): IndividualEnrollment => ({
  registrationId: `flat-${String(at).padStart(7, '0')}`,
  attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: key } },
});

interface Measured {
  readonly size: Size;
  readonly program: Program<ServiceReady>;
  readonly ms: number[];
}

export async function flatness(
  context: BenchContext,
  own: Identities,
  devices: readonly LoadDevice[],
  load: LoadGenerator,
): Promise<readonly Figure[]> {
  const folder = join(context.folder, 'flat');
  mkdirSync(folder);
  const place = { folder, base: context.block.base };
  const hubs = await startHubs(place);
  const all: Measured[] = [];
  try {
    for (const size of sizes) {
      context.say(`filling ${size.name}`);
      const name = `service-${size.address}`;
      mkdirSync(join(folder, name));
      await fillEnrollments(join(folder, name), size.enrollments, enrollment);
      const program = await startService(place, hubs.ready, { tlsKey: 'rsa', address: size.address, folder: name });
      await putGroups(program.ready, own, size.groups);
      all.push({ size, program, ms: [] });
    }
    for (let turn = 0; turn < turns + warmUp / perTurn; turn += 1) {
      const some = devices.slice(turn * perTurn, (turn + 1) * perTurn);
      for (const one of all) one.ms.push(...(await timesOf({ base: place.base, own, load }, one, some)));
    }
  } finally {
    for (const { program } of all) await program.stop();
    await hubs.stop();
  }
  return figuresOf(all);
}

async function putGroups(ready: ServiceReady, own: Identities, count: number): Promise<void> {
  const client = clientOf(ready);
  must(await client.groups.put(groupOf('bench-group-1', own.authority.certificate)));
  for (let at = 2; at <= count; at += 1) {
    const { certificate } = await makeAuthority(`Benchmark group ${at}`);
    must(await client.groups.put(groupOf(`bench-group-${at}`, certificate)));
  }
  client.close();
}

async function timesOf(
  lab: { readonly base: string; readonly own: Identities; readonly load: LoadGenerator },
  { size, program }: Measured,
  devices: readonly LoadDevice[],
): Promise<readonly number[]> {
  const { idScope, caFile, ports } = program.ready;
  const host = `${lab.base}.${size.address}`;
  const target = { host, port: ports.https, caPem: readFileSync(caFile, 'utf8'), idScope };
  const proof = { protocol: 'https', proof: 'x509-group', deviceKeyPem: lab.own.deviceKeyPem, tpm: undefined } as const;
  await lab.load.ask({ order: 'prepare', load: { ...target, ...proof, devices } });
  const { failures, responseMs } = await lab.load.ask({ order: 'run', atOnce: 1 });
  if (failures[0] !== undefined) throw new Error(failures[0]);
  return responseMs;
}

function figuresOf(all: readonly Measured[]): readonly Figure[] {
  const [reference, ...others] = all.map(({ size, ms }) => ({ name: size.name, value: median(ms.slice(warmUp)) }));
  const runs = turns * perTurn;
  return others.map(({ name, value }) => ({
    ...{ name: `one registration among ${name}`, unit: 'ms', value, runs },
    ...(reference === undefined ? {} : { reference }),
  }));
}
