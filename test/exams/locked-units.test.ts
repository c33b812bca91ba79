/** Units that are locked after they were verified, and reworked ones whose old key goes: a bench with real units and a real store. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { openStoreReader } from '../../src-main/station/queue/reader.ts';
import { type BenchLab, openBenchLab } from '../flows/support/bench-lab.ts';
import { type LabUnit, type LabUnitOptions, createLabUnit, prepareTpmState } from '../flows/support/lab-unit.ts';
import { pacedClock } from '../flows/support/paced-clock.ts';
import { sqliteRows } from '../flows/support/witness-sqlite.ts';

const clock = pacedClock();
let folder: string;
let lab: BenchLab;
const units: LabUnit[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-exam-lock-'));
  lab = await openBenchLab(folder, clock);
});
afterEach(async () => {
  await Promise.all(units.splice(0).map((unit) => unit.close()));
  await lab.close();
  await rm(folder, { recursive: true, force: true });
});

async function unitOf(serialNumber: string, change: Partial<LabUnitOptions> = {}): Promise<LabUnit> {
  const own = { folder: join(folder, serialNumber), serialNumber, attestation: 'x509', clock } as const;
  const unit = await createLabUnit({ ...own, ...change });
  units.push(unit);
  return unit;
}

/** Everything that the unit's storage holds. */
function flashOf(serialNumber: string): string {
  const path = join(folder, serialNumber);
  const files = readdirSync(path).filter((name) => statSync(join(path, name)).isFile());
  return files.map((name) => readFileSync(join(path, name), 'latin1')).join('\n');
}

const privateKeyOf = (serialNumber: string): string =>
  (JSON.parse(readFileSync(join(folder, serialNumber, 'key.json'), 'utf8')) as { privateKey: string }).privateKey;

const stepsOf = (): readonly string[] =>
  sqliteRows(lab.database, 'SELECT step, outcome FROM intents ORDER BY seq').map(
    ({ step, outcome }) => `${String(step)} ${String(outcome)}`,
  );

async function rework(serialNumber: string): Promise<void> {
  const { items } = must(lab.operations.listUnits({ search: serialNumber, limit: 2 }));
  must(lab.operations.rework({ unitId: items[0]!.unitId, reason: 'mainboard', by: 'Sam' }));
}

describe('a batch that locks its units', () => {
  it('locks each for ever after it was verified, and the records, the chain and the report say so', async () => {
    const unit = await unitOf('SN0001');
    lab.plug(1, unit);
    const batchId = lab.openBatch({ lockUnits: true });
    expect(await lab.run(1, 'SN0001', batchId)).toMatchObject({ state: 'pass' });
    expect((await unit.device.info()).isLocked).toBe(true);
    expect(stepsOf().slice(-1)).toEqual(['lock done']);
    const [event] = sqliteRows(lab.database, `SELECT body FROM events WHERE kind = 'run.passed'`);
    expect(JSON.parse(String(event!['body']))).toMatchObject({ locked: true });
    const reader = must(openStoreReader(lab.database));
    expect(must(await reader.reportUnits(batchId as never, 0)).units).toMatchObject([{ isLocked: true }]);
    reader.close();
    await rework('SN0001');
    const again = await lab.run(1, 'SN0001', batchId);
    expect(again).toMatchObject({ state: 'fail', fault: { code: 'unit-locked' } });
    expect(stepsOf().slice(-1)).toEqual(['lock done']);
  });

  it('locks units with a TPM as well', async () => {
    const tpmState = await prepareTpmState(join(folder, 'tpm.json'), clock);
    const unit = await unitOf('SN0002', { attestation: 'tpm', tpmState });
    lab.plug(1, unit);
    expect(await lab.run(1, 'SN0002', lab.openBatch({ lockUnits: true }))).toMatchObject({ state: 'pass' });
    expect((await unit.device.info()).isLocked).toBe(true);
    expect(stepsOf()).toEqual(['write-settings done', 'lock done']);
  });

  it('refuses one that cannot be locked before it writes anything', async () => {
    lab.plug(1, await unitOf('SN0003', { faults: { noLock: true } }));
    const run = await lab.run(1, 'SN0003', lab.openBatch({ lockUnits: true }));
    expect(run).toMatchObject({ state: 'fail', fault: { code: 'lock-unsupported' } });
    expect(stepsOf()).toEqual([]);
  });

  it.each(['before', 'after'] as const)(
    'finishes a unit whose cable was pulled just %s it was locked',
    async (when) => {
      const unit = await unitOf('SN0004');
      const pull = (): void => {
        lab.line(1).pull();
      };
      let locking: Promise<unknown> = Promise.resolve();
      const cut = {
        lock: async () => {
          if (when === 'before') pull();
          const locked = unit.device.lock!();
          locking = locked;
          await locked;
          if (when === 'after') pull();
          return locked;
        },
      };
      lab.plug(1, unit, { ...unit.device, ...cut });
      const batchId = lab.openBatch({ lockUnits: true });
      expect(await lab.run(1, 'SN0004', batchId)).toMatchObject({ state: 'error', fault: { code: 'link-lost' } });
      expect(stepsOf().slice(-1)).toEqual(['lock null']);
      // What the unit was told to do it does, without its cable too; it is plugged in again after that.
      await locking;
      lab.plug(1, unit);
      expect(await lab.run(1, 'SN0004', batchId)).toMatchObject({ state: 'pass' });
      expect((await unit.device.info()).isLocked).toBe(true);
      expect(unit.keysMade()).toBe(1);
    },
  );
});

describe('a unit that is reworked', () => {
  it('loses its old key and certificate once the new ones were verified, and not before', async () => {
    const unit = await unitOf('SN0005');
    const batchId = lab.openBatch();
    lab.plug(1, unit);
    expect(await lab.run(1, 'SN0005', batchId)).toMatchObject({ state: 'pass' });
    expect(stepsOf()).toEqual(['generate-key done', 'write-certificates done', 'write-settings done']);
    const old = privateKeyOf('SN0005');
    await rework('SN0005');
    let heldWhenRetired = '';
    const watched = {
      retire: async () => {
        heldWhenRetired = flashOf('SN0005');
        return unit.device.retire!();
      },
    };
    lab.plug(1, unit, { ...unit.device, ...watched });
    expect(await lab.run(1, 'SN0005', batchId)).toMatchObject({ state: 'pass' });
    expect(stepsOf().slice(-1)).toEqual(['retire done']);
    expect(heldWhenRetired).toContain(old);
    expect(flashOf('SN0005')).not.toContain(old);
    expect(flashOf('SN0005')).toContain(privateKeyOf('SN0005'));
  });
});
