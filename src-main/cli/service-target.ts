/** The running service that a verb asks: named by a data folder, a ready file, or a connection string. */
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock, systemRandom } from '../lib/base/host.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { readBoundedFile } from '../lib/files/bounded-file.ts';
import { parseConnectionString } from '../lib/dps/connection-string.ts';
import { createControlClient, type ControlClient } from '../lib/dps/control-client.ts';
import { createServiceClient, type ServiceClient } from '../lib/dps/service-client.ts';
import { readSecretLines } from '../lib/process/secret-lines.ts';
import { cliFault } from './verb.ts';

export const targetOptions = [
  'data',
  'ready-file',
  'connection-string',
  'connection-string-file',
  'service-connection-string',
  'ca',
] as const;
export type TargetOption = (typeof targetOptions)[number];
type Given = Readonly<Partial<Record<TargetOption, string>>>;

export interface ServiceTarget {
  readonly control: ControlClient;
  readonly service: ServiceClient;
  /** What named it, unless a connection string did. */
  readonly readyFile: string | undefined;
  close(): void;
}

const ready = z.object({ serviceConnectionString: z.string(), caFile: z.string() });

export function readyFileIn(dataFolder: string): string {
  return join(dataFolder, 'ready.json');
}

export async function openTarget(given: Given): Promise<Result<ServiceTarget>> {
  const named = await namedService(given);
  if (!named.ok) return named;
  const connection = parseConnectionString(named.value.connectionString);
  if (!connection.ok) return connection;
  const ca = named.value.caFile === undefined ? ok(undefined) : await textFile(named.value.caFile);
  if (!ca.ok) return ca;
  const options = { connection: connection.value, caPem: ca.value };
  const parts = { clock: systemClock, random: systemRandom };
  const control = createControlClient(options, parts);
  const service = createServiceClient(options, parts);
  return ok({
    control,
    service,
    readyFile: named.value.readyFile,
    close() {
      control.close();
      service.close();
    },
  });
}

const readyHubs = z.object({
  hubs: z.array(z.object({ hostName: z.string(), connectionString: z.string() })),
  caFile: z.string(),
});
export type ReadyHubs = z.output<typeof readyHubs>;

/** The hubs that run beside the service of this data folder or ready file, with their keys. */
export async function hubsOf(given: Given): Promise<Result<ReadyHubs>> {
  const file = readyFileOf(given);
  if (file === undefined) return failed(cliFault('option-missing', { option: 'One of --data and --ready-file' }));
  const text = await textFile(file);
  const read = text.ok ? readyHubs.safeParse(parsedJson(text.value)).data : undefined;
  return read === undefined ? failed(cliFault('service-not-running', { file })) : ok(read);
}

/** The first line of the file; in plain sight on the command line, where every user of the machine can read it. */
export async function connectionStringIn(given: Given): Promise<Result<string | undefined>> {
  const { 'connection-string': plain, 'connection-string-file': file } = given;
  if (file === undefined) return ok(plain);
  if (plain !== undefined) {
    return failed(cliFault('option-clash', { options: '--connection-string and --connection-string-file' }));
  }
  const lines = await readSecretLines('--connection-string-file', file);
  return lines.ok ? ok(lines.value[0]) : lines;
}

/** The options given that show a secret to every user of the machine. */
export function plainSecretsIn(given: Given): readonly TargetOption[] {
  return (['connection-string', 'service-connection-string'] as const).filter((name) => given[name] !== undefined);
}

export function readyFileOf(given: Given): string | undefined {
  return given['ready-file'] ?? (given.data === undefined ? undefined : readyFileIn(given.data));
}

interface NamedService {
  readonly connectionString: string;
  readonly caFile: string | undefined;
  readonly readyFile: string | undefined;
}

async function namedService(given: Given): Promise<Result<NamedService>> {
  const told = await connectionStringIn(given);
  if (!told.ok) return told;
  const connectionString = given['service-connection-string'] ?? told.value;
  if (connectionString !== undefined) return ok({ connectionString, caFile: given.ca, readyFile: undefined });
  const file = readyFileOf(given);
  if (file === undefined) {
    return failed(cliFault('option-missing', { option: 'One of --data, --ready-file and --connection-string-file' }));
  }
  const text = await textFile(file);
  if (!text.ok) return failed(cliFault('service-not-running', { file }));
  const read = ready.safeParse(parsedJson(text.value)).data;
  if (read === undefined) return failed(cliFault('service-not-running', { file }));
  return ok({ connectionString: read.serviceConnectionString, caFile: given.ca ?? read.caFile, readyFile: file });
}

export async function textFile(file: string): Promise<Result<string>> {
  const bytes = await bytesOf(file);
  return bytes.ok ? ok(Buffer.from(bytes.value).toString('utf8')) : bytes;
}

// A certificate chain or a key has a few kilobytes; a wrong file must not fill the memory.
const maxFileBytes = 1_048_576;

export async function bytesOf(file: string): Promise<Result<Uint8Array>> {
  const read = await readBoundedFile(file, maxFileBytes);
  if (read.ok) return ok(read.bytes);
  const reason = read.reason === 'ENOENT' ? 'there is no such file' : read.reason;
  return failed(cliFault('file-unreadable', { file, reason }));
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
