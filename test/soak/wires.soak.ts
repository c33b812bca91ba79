/**
 * The real service with a hub in this process, and on each of its doors one conversation after another that was a good one until some
 * bytes of it were changed: every connection ends, no error is ours, and a device registers between them as ever.
 */
import { connect } from 'node:tls';
import fc from 'fast-check';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from '../flows/service-devices.ts';
import { openRuleBed, type RuleBed } from '../rules/rule-bed.ts';
import { hubDoors, type Door } from './hub-conversations.ts';
import { changedSamples } from './inputs.ts';
import type { Soak, SoakCount } from './runner.ts';
import { serviceDoors, soakId } from './service-conversations.ts';

const conversations = 3_000;
// A whole registration takes some 20 ms; what has ended its own side is answered and let go at once.
const limitMs = 10_000;
// Devices that are as ever, between the others.
const every = 250;

export const wires: Soak = {
  name: 'wires',
  about: 'broken conversations with every door of the service and of a hub; each ends, and no error is of their making',
  async run({ seed, scale, say }) {
    const bed = await openRuleBed();
    try {
      const line = await makeAuthority('Soak line');
      must(await bed.client.groups.put(groupOf('soak-line', line.certificate)));
      const leaf = await makeLeaf(soakId, line);
      const counts: SoakCount[] = [];
      for (const door of [...serviceDoors(bed, await bed.owner()), ...(await hubDoors(bed))]) {
        say(door.name);
        const numRuns = Math.max(1, Math.round(conversations * scale));
        await tryDoor({ bed, leaf, door }, { seed, numRuns });
        counts.push({ name: door.name, count: numRuns });
      }
      return counts;
    } finally {
      await bed.close();
    }
  },
};

interface Trial {
  readonly bed: RuleBed;
  readonly leaf: Leaf;
  readonly door: Door;
}

async function tryDoor(trial: Trial, terms: { readonly seed: number; readonly numRuns: number }): Promise<void> {
  const { bed, leaf, door } = trial;
  let tried = 0;
  const holds = async (bytes: Uint8Array): Promise<void> => {
    await converse(trial, bytes);
    if (bed.errors.length > 0) throw new Error(`the service told of ${bed.errors.splice(0).join(', ')}`);
    tried += 1;
    if (tried % every !== 0) return;
    const reply = await bed.ask({ method: 'PUT', path: bed.registerPath(soakId), body: '{}', tls: leaf.tls });
    if (reply.status !== 202) throw new Error(`a device was answered ${reply.status}`);
  };
  await fc.assert(fc.asyncProperty(changedSamples(door.samples), holds), { ...terms, endOnFailure: true });
}

/** Says all of it, ends its own side, and waits for the other to end. */
async function converse({ bed, leaf, door }: Trial, bytes: Uint8Array): Promise<void> {
  const socket = connect({
    ...{
      host: door.host,
      port: door.port,
      ca: bed.caPem,
      ...(door.serverName === undefined ? {} : { servername: door.serverName }),
    },
    ...{ cert: leaf.tls.certificatePem, key: leaf.tls.privateKeyPem },
  });
  socket.on('error', () => undefined);
  socket.resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const late = new Promise<'late'>((resolve) => void systemClock.after(limitMs, () => resolve('late')));
  socket.once('secureConnect', () => socket.end(bytes));
  const outcome = await Promise.race([closed, late]);
  socket.destroy();
  if (outcome === 'late') throw new Error(`a connection did not end within ${limitMs} ms`);
}
