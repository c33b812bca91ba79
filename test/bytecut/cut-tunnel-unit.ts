/** A unit of the byte-cut proof whose firmware only forwards to its TPM: the TPM keeps its keys, and loses what was loaded. */
import { silentLog } from '../../src-main/lib/base/log.ts';
import { ok } from '../../src-main/lib/base/result.ts';
import { type TunnelServer, serveTunnel } from '../../src-main/lib/tpm/tunnel-server.ts';
import { runCommand } from '../../src-main/agent/tpm/software/dispatch.ts';
import { type Memory, createMemory } from '../../src-main/agent/tpm/software/memory.ts';
import type { CutUnit } from './cut-unit.ts';
import type { CutTpm } from './cut-tpm.ts';
import type { CutWorld, Life } from './cut-world.ts';

export function createCutTunnelUnit(serialNumber: string, tpm: CutTpm, world: CutWorld): CutUnit {
  let life: Life | undefined;
  let memory: Memory | undefined;
  let server: TunnelServer | undefined;
  return {
    serialNumber,
    made: { keys: new Set(), chains: new Set(), settings: new Set() },
    shape: () => {
      const loaded = [...(memory?.transient.keys() ?? []), ...(memory?.sessions.keys() ?? [])];
      return `${memory?.state === tpm.state ? 'as made' : 'changed'} ${loaded.join(' ')}`;
    },
    holds: () => ({ fingerprint: tpm.fingerprint }),
    power: (stream) => {
      const [now, held] = [world.born(), createMemory('', tpm.state)];
      [life, memory] = [now, held];
      const transmit = (command: Uint8Array) => world.inLife(now, async () => ok(await runCommand(held, command)));
      server = serveTunnel(stream, { transmit }, { clock: world.clockOf(now), log: silentLog });
    },
    cutPower: () => {
      life?.end();
      server?.close();
    },
  };
}
