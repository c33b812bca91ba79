/** Asks a hub's registry (dps-wire 10.1) whether a device has connected; only hubs we have a connection string of. */
import { z } from 'zod';
import { timeOf } from '../../lib/base/host.ts';
import { ok } from '../../lib/base/result.ts';
import type { ConnectionString } from '../../lib/dps/connection-string.ts';
import {
  type ServiceClientParts,
  type SignedCaller,
  createSignedCaller,
  parsed,
} from '../../lib/dps/service-client.ts';
import type { DevicePresence, HubWatch } from './ports.ts';

export interface HubRegistryOptions {
  readonly connections: readonly ConnectionString[];
  /** PEM; the system's roots when left out. */
  readonly caPem?: string | undefined;
}

export interface HubRegistry extends HubWatch {
  close(): void;
}

const device = z.looseObject({
  connectionState: z.string().nullish(),
  lastActivityTime: z.string().nullish(),
});

export function createHubRegistry(options: HubRegistryOptions, parts: ServiceClientParts): HubRegistry {
  const callers = new Map<string, SignedCaller>();
  for (const connection of options.connections) {
    const caller = createSignedCaller({ connection, caPem: options.caPem, name: `the hub ${connection.host}` }, parts);
    // A service names its hubs by host alone (dps-wire 1.5); where several share one address, by the port as well.
    callers.set(`${connection.host}:${connection.port}`, caller);
    if (!callers.has(connection.host)) callers.set(connection.host, caller);
  }
  return {
    async presence(hub, deviceId, signal) {
      const name = hub.toLowerCase();
      const caller = callers.get(name) ?? callers.get(name.replace(/:\d+$/, ''));
      if (caller === undefined) return ok(undefined);
      const path = `/devices/${encodeURIComponent(deviceId)}?api-version=2021-04-12`;
      const reply = await caller.call({ method: 'GET', path, signal });
      if (!reply.ok) return reply.fault.code === 'not-found' ? ok(undefined) : reply;
      const found = parsed(caller, device, reply.value.json);
      return found.ok ? ok(presenceIn(found.value)) : found;
    },
    close: () => {
      for (const caller of callers.values()) caller.close();
    },
  };
}

function presenceIn({ connectionState, lastActivityTime }: z.infer<typeof device>): DevicePresence {
  const isConnected = connectionState?.toLowerCase() === 'connected';
  const lastActivityMs = timeOf(lastActivityTime ?? '');
  // 0001-01-01 stands for never.
  return lastActivityMs === undefined || lastActivityMs <= 0 ? { isConnected } : { isConnected, lastActivityMs };
}
