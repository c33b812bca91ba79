/** The provisioning service that this station syncs to: the embedded one, or the one it was told of. */
import { type Result, failed, ok } from '../lib/base/result.ts';
import { type ConnectionString, hostAndPort, parseConnectionString } from '../lib/dps/connection-string.ts';
import { readBoundedFile } from '../lib/files/bounded-file.ts';
import { certificatesFromPem } from '../lib/x509/pem.ts';
import type { StationConfig } from './config.ts';
import type { ServiceReady } from './embedded/service-program.ts';
import { stationFault } from './faults.ts';

export interface Target {
  readonly name: string;
  readonly embedded: boolean;
  readonly connection: ConnectionString;
  readonly idScope: string;
  /** `host[:port]` of the device API, as units are told. */
  readonly endpoint: string;
  /** PEM; undefined where the system's own roots are meant. */
  readonly caPem: string | undefined;
  /** The file it came from; empty for the system's own roots. */
  readonly caFile: string;
  /** DER of the same. */
  readonly trustedRoots: readonly Uint8Array[];
  /** Where units can be seen. */
  readonly hubConnections: readonly string[];
  /** The same port number on every virtual hub; the standard one elsewhere. */
  readonly mqttsPort: number;
}

const standardMqttsPort = 8_883;

export async function embeddedTarget(ready: ServiceReady): Promise<Result<Target>> {
  const connection = parseConnectionString(ready.serviceConnectionString);
  if (!connection.ok) return connection;
  const ca = await readRoots(ready.caFile);
  if (!ca.ok) return ca;
  return ok({
    name: 'Embedded service',
    embedded: true,
    connection: connection.value,
    idScope: ready.idScope,
    endpoint: hostAndPort({ host: ready.deviceHost, port: ready.ports.https }),
    ...ca.value,
    hubConnections: ready.hubs.map((hub) => hub.connectionString),
    mqttsPort: ready.ports.mqtts,
  });
}

/** The configuration's own target; call it only when there is a connection string. */
export async function configuredTarget(config: StationConfig): Promise<Result<Target>> {
  const connection = parseConnectionString(config['connection-string'] ?? '');
  if (!connection.ok) return connection;
  const ca =
    config.ca === undefined ? ok({ caPem: undefined, caFile: '', trustedRoots: [] }) : await readRoots(config.ca);
  if (!ca.ok) return ca;
  return ok({
    name: connection.value.host,
    embedded: false,
    connection: connection.value,
    idScope: config['id-scope'] ?? '',
    endpoint: config.endpoint ?? '',
    ...ca.value,
    hubConnections: config['hub-connection-string'],
    mqttsPort: config.mqtts ?? standardMqttsPort,
  });
}

// The roots of a whole system are about 250 kB.
const maxRootsBytes = 1_048_576;

async function readRoots(file: string): Promise<Result<Pick<Target, 'caPem' | 'caFile' | 'trustedRoots'>>> {
  const read = await readBoundedFile(file, maxRootsBytes);
  const caPem = read.ok ? Buffer.from(read.bytes).toString('utf8') : undefined;
  const trustedRoots = caPem === undefined ? [] : certificatesFromPem(caPem);
  if (caPem === undefined || trustedRoots.length === 0) return failed(stationFault('trusted-roots-missing', { file }));
  return ok({ caPem, caFile: file, trustedRoots });
}
