/** Links the virtual hubs to the service over its admin API: on a command line every user could read their keys. */
import { readFile } from 'node:fs/promises';
import type { ProgramParts } from '../lib/process/program.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { parseConnectionString } from '../lib/dps/connection-string.ts';
import { createControlClient, type ControlClient } from '../lib/dps/control-client.ts';
import { cliFault } from './verb.ts';

export interface HubToLink {
  readonly hostName: string;
  readonly connectionString: string;
}

export interface LinkTo {
  readonly serviceConnectionString: string;
  readonly caFile: string;
}

export async function linkOwnHubs(
  service: LinkTo,
  hubs: readonly HubToLink[],
  parts: Pick<ProgramParts, 'clock' | 'random'>,
): Promise<Result<void>> {
  const connection = parseConnectionString(service.serviceConnectionString);
  if (!connection.ok) return connection;
  const caPem = await readFile(service.caFile, 'utf8').catch(() => undefined);
  if (caPem === undefined)
    return failed(cliFault('file-unreadable', { file: service.caFile, reason: 'it is missing' }));
  const control = createControlClient({ connection: connection.value, caPem }, parts);
  try {
    return await linkAll(control, hubs);
  } finally {
    control.close();
  }
}

/** At every start, for a hub's key may have changed; how it takes part stays as it was set. */
async function linkAll(control: ControlClient, hubs: readonly HubToLink[]): Promise<Result<void>> {
  const linked = await control.linkedHubs();
  if (!linked.ok) return linked;
  for (const { hostName, connectionString } of hubs) {
    const known = linked.value.find((one) => one.hostName === hostName);
    const stays =
      known === undefined
        ? {}
        : { allocationWeight: known.allocationWeight, applyAllocationPolicy: known.applyAllocationPolicy };
    const done = await control.linkHub({ connectionString, ...stays });
    if (!done.ok) return done;
  }
  return ok();
}
