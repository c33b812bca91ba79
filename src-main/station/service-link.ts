/** Everything that speaks to the target: the sync, the watch over units' lives, and the Service screen's clients. */
import type { Log } from '../lib/base/log.ts';
import { type ConnectionString, hostAndPort, parseConnectionString } from '../lib/dps/connection-string.ts';
import { createControlClient } from '../lib/dps/control-client.ts';
import { createServiceClient } from '../lib/dps/service-client.ts';
import type { SyncStore } from './batches/store-ports.ts';
import type { ClockTrust } from './clock-trust.ts';
import type { HostParts } from './composition.ts';
import type { ServiceDeskTarget } from './desk/service-desk.ts';
import type { LiveState } from './live-state.ts';
import { createBudget } from './sync/budget.ts';
import { createHubRegistry } from './sync/hub-registry.ts';
import { startLifeWatch } from './sync/life-watch.ts';
import { startSync } from './sync/sync.ts';
import { createTargetClient } from './sync/target-client.ts';
import type { Target } from './target.ts';

export interface ServiceLink {
  readonly desk: ServiceDeskTarget;
  /** More was put into the outbox, or something in it is to be sent again. */
  wake(): void;
  stop(): Promise<void>;
}

export interface LinkParts {
  readonly store: SyncStore;
  readonly clockTrust: Pick<ClockTrust, 'heard'>;
  readonly host: HostParts;
  readonly live: LiveState;
}

export function linkService(target: Target, { store, clockTrust, host, live }: LinkParts): ServiceLink {
  const { clock, random } = host;
  const options = { connection: target.connection, caPem: target.caPem };
  const client = createTargetClient(options, { clock, random });
  client.onClockOffset((offsetMs) => {
    // The embedded service reads the very clock that is in doubt: it is no witness.
    if (!target.embedded) clockTrust.heard(offsetMs);
  });
  const hubs = createHubRegistry(
    { connections: hubConnections(target, host.log), caPem: target.caPem },
    { clock, random },
  );
  // One pace for all calls: what the sync spends, the watch cannot.
  const budget = createBudget(clock);
  const parts = { store, target: client, budget, clock, random };
  const sync = startSync({ ...parts, log: host.log.with({ part: 'sync' }) });
  const watch = startLifeWatch({ ...parts, hubs, log: host.log.with({ part: 'life-watch' }) });
  sync.onChange(({ fault, ...standing }) => {
    live.target({ ...standing, fault });
  });
  const asked = createServiceClient(options, { clock, random });
  const control = target.embedded ? createControlClient(options, { clock, random }) : undefined;
  return {
    desk: { host: hostAndPort(target.connection), idScope: target.idScope, client: asked, control },
    wake: () => {
      sync.wake();
    },
    stop: async () => {
      await Promise.all([sync.stop(), watch.stop()]);
      for (const one of [client, hubs, asked, control]) one?.close();
    },
  };
}

function hubConnections(target: Target, log: Log): readonly ConnectionString[] {
  return target.hubConnections.flatMap((text) => {
    const connection = parseConnectionString(text);
    if (!connection.ok) log.warn('hub-connection-unreadable', { code: connection.fault.code });
    return connection.ok ? [connection.value] : [];
  });
}
