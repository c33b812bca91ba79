/** The counter of interrupted units, of rework and of golden samples. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { CallName } from '../../contract/calls.ts';
import { deskFault } from './faults.ts';

async function notBuilt(name: CallName): Promise<Result<never>> {
  return failed(deskFault('call-not-built', { name }));
}

export function recoveryCalls() {
  return {
    'unit.history': () => notBuilt('unit.history'),
    'unit.rework': () => notBuilt('unit.rework'),
    'recovery.list': async () => ok({ units: [] }),
    'recovery.resume': () => notBuilt('recovery.resume'),
    'recovery.name': () => notBuilt('recovery.name'),
    'golden.list': async () => ok({ samples: [] }),
    'golden.add': () => notBuilt('golden.add'),
    'golden.remove': () => notBuilt('golden.remove'),
  } as const;
}
