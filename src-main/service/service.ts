/** The service put together from its parts: opened as a whole, closed as a whole. */
import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createAttemptLimits } from '../lib/base/attempt-limits.ts';
import type { Clock } from '../lib/base/clock.ts';
import { faultMaker } from '../lib/base/fault.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { formatConnectionString } from '../lib/dps/connection-string.ts';
import { systemCodeOf } from '../lib/files/durable-file.ts';
import { openDatabase } from '../lib/sqlite/database.ts';
import { claimFile } from '../lib/sqlite/file-claim.ts';
import { loadOrCreateTlsAuthority, type TlsAuthority } from '../lib/x509/tls-authority.ts';
import { challengeSecret, checkAccess, freshIdentity } from './core/access.ts';
import { withAttemptLimits } from './core/attempt-limits.ts';
import { createCaDesk } from './core/ca-desk.ts';
import { createEnrollmentDesk } from './core/enrollment-desk.ts';
import type { ErrorParts } from './core/error-body.ts';
import { serviceFault } from './core/faults.ts';
import { createGroupKeys, forgettingGroupKeys, type GroupKeys } from './core/group-keys.ts';
import { createHubDesk, hubFrom } from './core/hub-desk.ts';
import type { HubRegistry, Store } from './core/ports.ts';
import { createRefusalLog, withRefusalLog } from './core/refusal-log.ts';
import type { ServiceIdentity } from './core/records.ts';
import { createRegistrationDesk, type RegistrationDesk } from './core/registration-desk.ts';
import { createRegistrationWorker } from './core/registration-worker.ts';
import { createSignerDesk } from './core/signer-desk.ts';
import { forgettingSigners, sweepSigners } from './core/signer-upkeep.ts';
import type { SignerVault } from './core/signer-vault.ts';
import { createTpmChallenges } from './core/tpm-challenges.ts';
import { openDoors } from './doors.ts';
import { createHttpFront, type HttpFront } from './http/front.ts';
import { createHubRegistryClient } from './hub-client/hub-registry-client.ts';
import { hubRoots } from './hub-trust.ts';
import type { ServiceOptions, ServicePorts } from './options.ts';
import { withRememberedSettings } from './store/remembered-settings.ts';
import { openSignerFiles } from './store/signer-files.ts';
import { openSqliteStore } from './store/sql-store.ts';

export interface ServiceParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What whoever started the service reads. */
export interface ServiceReady {
  readonly idScope: string;
  readonly deviceHost: string;
  readonly ports: ServicePorts;
  readonly serviceConnectionString: string;
  readonly caFile: string;
  /** Filled by whoever starts the hubs. */
  readonly hubs: readonly never[];
}

export interface RunningService {
  readonly ready: ServiceReady;
  /** Takes no more calls, ends what is under way at the hubs, closes the file. */
  readonly close: () => Promise<void>;
}

const startFault = faultMaker({
  'data-folder-in-use': {
    say: 'Another service already works on the folder {folder}.',
    hint: 'Stop it, or start with another --data folder.',
  },
});

// One that was told to stop still finishes what it has in hand at its hubs: a few seconds. Longer is another at work.
const claimPatienceMs = 5_000;

/** One program works off a folder's registrations: two would each write the hubs. */
export async function startService(options: ServiceOptions, parts: ServiceParts): Promise<Result<RunningService>> {
  const { dataFolder } = options;
  const folder = await makeDataFolder(dataFolder);
  if (!folder.ok) return folder;
  const claim = await claimFile(join(dataFolder, 'lock.db'), { clock: parts.clock, limitMs: claimPatienceMs });
  if (!claim.ok) {
    return claim.fault.code === 'database-busy'
      ? failed(startFault('data-folder-in-use', { folder: dataFolder }))
      : claim;
  }
  const opened = await openRecords(options, parts);
  if (!opened.ok) {
    claim.value.release();
    return opened;
  }
  const { ready, close } = opened.value;
  return ok({
    ready,
    async close() {
      await close();
      claim.value.release();
    },
  });
}

async function openRecords(options: ServiceOptions, parts: ServiceParts): Promise<Result<RunningService>> {
  const authority = await loadOrCreateTlsAuthority(options.tlsFolder, parts);
  if (!authority.ok) return authority;
  const database = openDatabase({ file: join(options.dataFolder, 'service.sqlite'), sole: true });
  if (!database.ok) return database;
  const store = openSqliteStore(database.value);
  if (!store.ok) {
    database.value.close();
    return store;
  }
  const remembering = withRememberedSettings(store.value, parts.clock);
  const opened = await open(options, parts, { store: remembering, authority: authority.value });
  if (!opened.ok) await store.value.close();
  return opened;
}

async function makeDataFolder(folder: string): Promise<Result<void>> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return ok();
  } catch (error) {
    const cause = systemCodeOf(error);
    if (cause === undefined) throw error;
    return failed(serviceFault('store-failed', { reason: `the folder ${folder} cannot be used (${cause}).`, cause }));
  }
}

interface Kept {
  readonly store: Store;
  readonly authority: TlsAuthority;
}

async function open(options: ServiceOptions, parts: ServiceParts, kept: Kept): Promise<Result<RunningService>> {
  const { store, authority } = kept;
  const identity = await store.loadOrCreateIdentity(freshIdentity(parts.random));
  if (!identity.ok) return identity;
  const signers = await openSignerFiles(join(options.dataFolder, 'signers'));
  if (!signers.ok) return signers;
  const swept = await sweepSigners({ store, vault: signers.value, log: parts.log });
  if (!swept.ok) return swept;
  const caPem = await hubRoots(authority.caPem, options.hubCaFile);
  if (!caPem.ok) return caPem;
  const linked = await linkHubs(store, options.linkHubs);
  if (!linked.ok) return linked;
  const hubs = createHubRegistryClient({ ...parts, caPem: caPem.value });
  const worker = createRegistrationWorker({ ...parts, store, hubs });
  const groupKeys = createGroupKeys(store);
  const limited = withAttemptLimits(
    createRegistrationDesk({
      ...parts,
      idScope: identity.value.idScope,
      store,
      challenges: createTpmChallenges({ ...parts, secret: challengeSecret(identity.value) }),
      groupKeys,
      signers: signers.value,
      onStarted: (operation) => {
        worker.take(operation);
      },
      ended: (registrationKey) => worker.ended(registrationKey),
    }),
    createAttemptLimits(parts.clock),
  );
  const calls = createRefusalLog(parts);
  const registrations = withRefusalLog(limited, calls);
  const front = frontOf(
    options,
    { ...parts, calls },
    {
      store,
      hubs,
      identity: identity.value,
      registrations,
      groupKeys,
      signers: signers.value,
    },
  );
  const isAddress = isIP(options.hostName) !== 0;
  const credential = await authority.serverCredential({
    slug: 'service',
    commonName: options.hostName,
    dnsNames: isAddress ? [] : [options.hostName],
    ipAddresses: [...new Set(isAddress ? [options.listen, options.hostName] : [options.listen])],
    key: options.tlsKey,
  });
  const doors = credential.ok
    ? await openDoors({ ...parts, calls, options, front, registrations, credential: credential.value })
    : credential;
  if (!doors.ok) {
    await worker.stop();
    hubs.close();
    return doors;
  }
  return ok({
    ready: readyOf(options, { identity: identity.value, authority, ports: doors.value.ports }),
    async close() {
      await doors.value.close();
      await worker.stop();
      hubs.close();
      await store.close();
    },
  });
}

interface FrontParts {
  readonly store: Store;
  readonly hubs: HubRegistry;
  readonly identity: ServiceIdentity;
  readonly registrations: RegistrationDesk;
  readonly groupKeys: GroupKeys;
  readonly signers: SignerVault;
}

function frontOf(options: ServiceOptions, parts: ServiceParts & ErrorParts, own: FrontParts): HttpFront {
  const { store, hubs, identity, registrations, groupKeys, signers } = own;
  const changed = forgettingGroupKeys(store, groupKeys);
  const access = { policies: identity.policies, limits: createAttemptLimits(parts.clock), clock: parts.clock };
  return createHttpFront({
    ...parts,
    retryAfterS: options.retryAfterS,
    enrollments: createEnrollmentDesk({
      ...parts,
      store: forgettingSigners({ ...parts, store: changed, vault: signers }),
    }),
    registrations,
    hubs: createHubDesk({ store, hubs }),
    authorities: createCaDesk({ ...parts, store }),
    signers: createSignerDesk({ store, vault: signers, clock: parts.clock }),
    allowed: (request, right) =>
      checkAccess(access, {
        authorization: request.header('authorization'),
        right,
        // The name it was called by counts too: a load balancer's, or one in a hosts file. The key is what proves.
        hosts: [options.hostName, options.listen, request.header('host') ?? options.hostName],
        path: request.path,
        source: request.peer.remoteAddress,
      }),
  });
}

/** Offered at every start: a hub's key may have changed; how it takes part, and whether, stays as a person set it. */
async function linkHubs(store: Store, connectionStrings: readonly string[]): Promise<Result<void>> {
  for (const connectionString of connectionStrings) {
    const hub = hubFrom({ connectionString });
    if (!hub.ok) return hub;
    const offered = await store.offerLinkedHub(hub.value);
    if (!offered.ok) return offered;
  }
  return ok();
}

function readyOf(
  options: ServiceOptions,
  own: { readonly identity: ServiceIdentity; readonly authority: TlsAuthority; readonly ports: ServicePorts },
): ServiceReady {
  const [owner] = own.identity.policies;
  if (owner === undefined) throw new Error('a service has a policy');
  return {
    idScope: own.identity.idScope,
    deviceHost: options.hostName,
    ports: own.ports,
    serviceConnectionString: formatConnectionString({
      host: options.hostName,
      port: own.ports.https,
      keyName: owner.name,
      key: owner.primaryKey,
    }),
    caFile: own.authority.caFile,
    hubs: [],
  };
}
