/** What an idle MQTT connection costs the service in memory. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../src-main/lib/base/result.ts';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { keyGroup, symmetricDevices, type Identities } from './service-identities.ts';
import { clientOf, startHubs, startService, type LoadGenerator } from './service-lab.ts';
import { memoryOfTree } from './processes.ts';
import type { BenchContext, Figure } from './runner.ts';

const counts = [1_000, 10_000] as const;
// What a handshake leaves behind is collected within this.
const settleMs = 3_000;

/** A service of its own: what others left behind would be counted too. */
export async function idleMemory(
  context: BenchContext,
  own: Identities,
  load: LoadGenerator,
): Promise<readonly Figure[]> {
  const folder = join(context.folder, 'idle');
  mkdirSync(folder);
  const place = { folder, base: context.block.base };
  const hubs = await startHubs(place);
  const figures: Figure[] = [];
  try {
    for (const count of counts) {
      const name = `service-${count}`;
      mkdirSync(join(folder, name));
      const running = await startService(place, hubs.ready, { tlsKey: 'p256', folder: name });
      const { idScope, ports, caFile } = running.ready;
      const client = clientOf(running.ready);
      must(await client.groups.put(keyGroup('bench-group-2', own.groupKey)));
      client.close();
      context.say(`${count} idle connections`);
      const target = { host: `${place.base}.1`, port: ports.mqtts, caPem: readFileSync(caFile, 'utf8'), idScope };
      const how = {
        protocol: 'mqtt',
        proof: 'symmetric-group',
        deviceKeyPem: own.deviceKeyPem,
        tpm: undefined,
      } as const;
      const before = memoryOf(running.pid);
      await load.ask({ order: 'prepare', load: { ...target, ...how, devices: symmetricDevices(own, count) } });
      const { done } = await load.ask({ order: 'idle' });
      await sleep(systemClock, settleMs);
      const after = memoryOf(running.pid);
      await load.ask({ order: 'leave' });
      await running.stop();
      if (done !== count) throw new Error(`${done} of ${count} connections stayed`);
      const note = `${((1_024 * (after - before)) / count).toFixed(1)} kB a connection; ${before.toFixed(0)} MB before`;
      figures.push({ name: `service with ${count} idle MQTT connections`, unit: 'MB', value: after, note });
    }
  } finally {
    await hubs.stop();
  }
  return figures;
}

const memoryOf = (pid: number): number => memoryOfTree(pid).reduce((sum, one) => sum + one.pssMb, 0);
