/** One forbidden import, or more, for each rule of .dependency-cruiser.cjs: from where, to what. */

export interface LayerPlant {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

const plant = (rule: string, from: string, ...to: readonly string[]): LayerPlant[] =>
  to.map((target) => ({ rule, from, to: target }));

const libraries = ['tpm', 'x509', 'sqlite', 'serial', 'process', 'files', 'listen', 'planted'].flatMap((name) =>
  plant(
    `${name}-is-a-library`,
    `lib/${name}`,
    name === 'tpm' ? 'src-main/lib/x509/part.ts' : 'src-main/lib/tpm/part.ts',
    'src-main/contract/part.ts',
    'src-main/station/part.ts',
  ),
);

const programs = ['station', 'service', 'hub', 'agent', 'electron'].flatMap((name) =>
  plant(`${name}-is-a-stranger`, name, `src-main/${name === 'hub' ? 'agent' : 'hub'}/part.ts`, 'src-renderer/part.ts'),
);

const wires = ['http', 'mqtt', 'amqp', 'hub-client', 'store'].flatMap((name) =>
  plant(
    `service-${name}-imports-core`,
    `service/${name}`,
    `src-main/service/${name === 'http' ? 'mqtt' : 'http'}/part.ts`,
  ),
);

const stationRooms = ['drivers', 'queue', 'sync', 'signers', 'reports', 'embedded', 'desk', 'adapters'].flatMap(
  (name) =>
    plant(
      `station-${name}-implements`,
      `station/${name}`,
      `src-main/station/${name === 'queue' ? 'sync' : 'queue'}/part.ts`,
    ),
);

const owned = [
  ['better-sqlite3', 'bettersqlite3'],
  ['serialport', 'serialport'],
  ['node-forge', 'nodeforge'],
  ['pkcs11js', 'pkcs11js'],
  ['aedes', 'aedes'],
  ['rhea', 'rhea'],
  ['fastify', 'fastify'],
  ['ws', 'ws'],
  ['pg', 'pg'],
].flatMap(([name = '', rule = '']) => plant(`${rule}-has-one-owner`, 'agent', name));

export const layerPlants: readonly LayerPlant[] = [
  ...libraries,
  ...programs,
  ...wires,
  ...stationRooms,
  ...owned,
  ...plant('base-imports-nothing', 'lib/base', 'src-main/lib/tpm/part.ts', 'src-main/contract/part.ts'),
  ...plant('dps-is-a-library', 'lib/dps', 'src-main/lib/tpm/part.ts', 'src-main/lib/link/part.ts'),
  ...plant('link-is-a-library', 'lib/link', 'src-main/lib/x509/part.ts', 'src-main/lib/dps/part.ts'),
  ...plant('contract-knows-base-only', 'contract', 'src-main/lib/dps/part.ts', 'src-main/station/part.ts'),
  ...plant('service-core-decides', 'service/core', 'src-main/service/http/part.ts'),
  ...plant('bench-owns-its-ports', 'station/bench', 'src-main/station/queue/part.ts', 'src-main/lib/tpm/part.ts'),
  ...plant('scan-knows-no-bench', 'station/scan', 'src-main/station/bench/part.ts', 'src-main/lib/tpm/part.ts'),
  // A room that only the desk uses.
  ...plant('station-sync-implements', 'station/sync', 'src-main/station/scan/part.ts'),
  ...plant('batches-own-their-ports', 'station/batches', 'src-main/station/bench/part.ts', 'src-main/lib/tpm/part.ts'),
  ...plant('cli-starts-programs-imports-none', 'cli', 'src-main/station/part.ts', 'src-main/service/part.ts'),
  ...plant('electron-only-in-its-shell', 'station', 'electron'),
  ...plant(
    'renderer-imports-contract-and-itself',
    'renderer:state',
    'src-main/station/part.ts',
    'src-main/lib/tpm/part.ts',
  ),
  ...plant('screens-are-strangers', 'renderer:screens/bench', 'src-renderer/screens/outbox/part.ts'),
  ...plant('renderer-has-no-node', 'renderer:widgets', 'node:fs'),
  ...plant('no-unresolved', 'hub', './nowhere.ts', 'no-such-package'),
  ...plant('rooms-are-named', 'cellar', 'src-main/lib/base/part.ts'),
  ...plant('rooms-are-named', 'lib/cellar', 'src-main/lib/base/part.ts'),
  ...plant('rooms-are-named', 'station/cellar', 'src-main/lib/base/part.ts'),
];
