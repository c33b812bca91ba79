/** The running service that a verb asks: named by a data folder, a ready file, or a connection string. */
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock, systemRandom } from '../lib/base/host.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { readBoundedFile } from '../lib/files/bounded-file.ts';
import { parseConnectionString } from '../lib/dps/connection-string.ts';
import { createControlClient, type ControlClient } from '../lib/dps/control-client.ts';
import { createServiceClient, type ServiceClient } from '../lib/dps/service-client.ts';
import { cliFault } from './verb.ts';

export const targetOptions = ['data', 'ready-file', 'connection-string', 'service-connection-string', 'ca'] as const;
export type TargetOption = (typeof targetOptions)[number];

export interface ServiceTarget {
  readonly control: ControlClient;
  readonly service: ServiceClient;
  close(): void;
}

const ready = z.object({ serviceConnectionString: z.string(), caFile: z.string() });

export function readyFileIn(dataFolder: string): string {
  return join(dataFolder, 'ready.json');
}

export async function openTarget(
  given: Readonly<Partial<Record<TargetOption, string>>>,
): Promise<Result<ServiceTarget>> {
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
export async function hubsOf(given: Readonly<Partial<Record<TargetOption, string>>>): Promise<Result<ReadyHubs>> {
  const file = readyFileOf(given);
  if (file === undefined) return failed(cliFault('option-missing', { option: 'One of --data and --ready-file' }));
  const text = await textFile(file);
  const read = text.ok ? readyHubs.safeParse(parsedJson(text.value)).data : undefined;
  return read === undefined ? failed(cliFault('service-not-running', { file })) : ok(read);
}

function readyFileOf(given: Readonly<Partial<Record<TargetOption, string>>>): string | undefined {
  return given['ready-file'] ?? (given.data === undefined ? undefined : readyFileIn(given.data));
}

interface NamedService {
  readonly connectionString: string;
  readonly caFile: string | undefined;
}

async function namedService(given: Readonly<Partial<Record<TargetOption, string>>>): Promise<Result<NamedService>> {
  const connectionString = given['service-connection-string'] ?? given['connection-string'];
  if (connectionString !== undefined) return ok({ connectionString, caFile: given.ca });
  const file = readyFileOf(given);
  if (file === undefined) {
    return failed(cliFault('option-missing', { option: 'One of --data, --ready-file and --connection-string' }));
  }
  const text = await textFile(file);
  if (!text.ok) return failed(cliFault('service-not-running', { file }));
  const read = ready.safeParse(parsedJson(text.value)).data;
  if (read === undefined) return failed(cliFault('service-not-running', { file }));
  return ok({ connectionString: read.serviceConnectionString, caFile: given.ca ?? read.caFile });
}

export async function textFile(file: string): Promise<Result<string>> {
  const bytes = await bytesOf(file);
  return bytes.ok ? ok(Buffer.from(bytes.value).toString('utf8')) : bytes;
}

// A certificate chain or a key has a few kilobytes; a wrong file must not fill the memory.
const maxFileBytes = 1_048_576;

export async function bytesOf(file: string): Promise<Result<Uint8Array>> {
  const read = await readBoundedFile(file, maxFileBytes);
  return read.ok ? ok(read.bytes) : failed(cliFault('file-unreadable', { file, reason: read.reason }));
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
