// The import rules of docs/design, one allow-list a room: a room that is not named here may be imported by nobody.
// Each rule is proven by a planted violation in test/gates.
const programs = 'station|service|hub|agent|electron';

/** A room may import itself, the rooms named, Node and packages; any other file of ours is a violation. */
const named = [];
const only = (name, room, allowed) => {
  named.push(room);
  return allowList(name, room, allowed);
};
const allowList = (name, room, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^src-main/${room}/` },
  to: {
    path: '^(src-main|src-renderer|test|scripts)/',
    pathNot: [`^src-main/${room}/`, ...allowed.map((path) => `^src-main/${path}`)],
  },
});

/** A package that only one room may import. */
const owned = (pkg, rooms) => ({
  name: `${pkg.replace(/[^a-z0-9]/g, '')}-has-one-owner`,
  severity: 'error',
  from: { path: '^(src-main|src-renderer)/', pathNot: rooms.map((room) => `^src-main/${room}/`) },
  to: { path: `node_modules/${pkg}/` },
});

const rules = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    only('base-imports-nothing', 'lib/base', []),
    only('tpm-is-a-library', 'lib/tpm', ['lib/base/']),
    only('files-is-a-library', 'lib/files', ['lib/base/']),
    only('x509-is-a-library', 'lib/x509', ['lib/base/', 'lib/files/']),
    only('dps-is-a-library', 'lib/dps', ['lib/base/', 'lib/tpm/types.ts', 'lib/x509/types.ts']),
    only('link-is-a-library', 'lib/link', ['lib/base/', 'lib/tpm/types.ts', 'lib/x509/types.ts']),
    only('sqlite-is-a-library', 'lib/sqlite', ['lib/base/']),
    only('serial-is-a-library', 'lib/serial', ['lib/base/']),
    only('process-is-a-library', 'lib/process', ['lib/base/', 'lib/files/']),
    only('listen-is-a-library', 'lib/listen', ['lib/base/']),
    only('planted-is-a-library', 'lib/planted', ['lib/base/']),
    only('contract-knows-base-only', 'contract', ['lib/base/']),
    only('station-is-a-stranger', 'station', ['lib/', 'contract/']),
    only('service-is-a-stranger', 'service', ['lib/']),
    only('hub-is-a-stranger', 'hub', ['lib/']),
    only('agent-is-a-stranger', 'agent', ['lib/']),
    only('electron-is-a-stranger', 'electron', ['lib/', 'contract/']),
    only('service-core-decides', 'service/core', ['lib/']),
    ...['http', 'mqtt', 'amqp', 'hub-client', 'store'].map((room) =>
      only(`service-${room}-imports-core`, `service/${room}`, ['lib/', 'service/core/']),
    ),
    only('bench-owns-its-ports', 'station/bench', ['lib/base/', 'contract/', 'station/batches/']),
    only('batches-own-their-ports', 'station/batches', ['lib/base/', 'contract/']),
    only('scan-knows-no-bench', 'station/scan', ['lib/base/', 'contract/', 'station/batches/']),
    ...['drivers', 'queue', 'sync', 'signers', 'reports', 'embedded', 'desk', 'adapters'].map((room) =>
      only(`station-${room}-implements`, `station/${room}`, [
        'lib/',
        'contract/',
        'station/bench/',
        'station/batches/',
        ...(room === 'desk' ? ['station/scan/'] : []),
      ]),
    ),
    {
      name: 'cli-starts-programs-imports-none',
      severity: 'error',
      from: { path: '^src-main/cli' },
      to: { path: `^src-main/(${programs})/` },
    },
    {
      name: 'electron-only-in-its-shell',
      severity: 'error',
      from: { path: '^(src-main|src-renderer)/', pathNot: '^src-main/electron/' },
      to: { path: 'node_modules/electron/' },
    },
    {
      name: 'renderer-imports-contract-and-itself',
      severity: 'error',
      from: { path: '^src-renderer/' },
      to: { path: '^(src-main|test|scripts)/', pathNot: ['^src-main/contract/', '^src-main/lib/base/'] },
    },
    {
      name: 'screens-are-strangers',
      severity: 'error',
      from: { path: '^src-renderer/screens/([^/]+)/' },
      to: { path: '^src-renderer/screens/', pathNot: '^src-renderer/screens/$1/' },
    },
    {
      name: 'renderer-has-no-node',
      severity: 'error',
      from: { path: '^src-renderer/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    owned('better-sqlite3', ['lib/sqlite']),
    owned('serialport', ['lib/serial']),
    owned('node-forge', ['lib/x509', 'station/signers']),
    owned('pkcs11js', ['station/signers']),
    owned('aedes', ['lib/listen']),
    owned('rhea', ['lib/listen']),
    owned('fastify', ['lib/listen']),
    owned('ws', ['lib/listen']),
    owned('pg', ['service/store']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '\\.test\\.ts$' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.svelte', '.svelte.ts', '.js', '.mjs', '.cjs', '.json'],
      // Without these a package that only offers an import is not found, and the rule of its owner never fires.
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'require', 'types'],
    },
  },
};

// Whatever lies in no room named above may import nothing: a new room is named first, with what it may import.
const halls = ['station', 'service'];
rules.forbidden.push({
  name: 'rooms-are-named',
  severity: 'error',
  from: {
    path: '^src-main/',
    pathNot: [
      ...named.filter((room) => !halls.includes(room)).map((room) => `^src-main/${room}/`),
      ...halls.map((hall) => `^src-main/${hall}/[^/]+$`),
      '^src-main/cli(\\.ts$|/)',
    ],
  },
  to: {},
});

module.exports = rules;
