import { describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { faultMaker } from '../../src-main/lib/base/fault.ts';
import type { Intent } from '../../src-main/station/bench/ports.ts';
import { chainOf, codeOf, eventsOf, newStore, openedBatch, passUnit } from './store-fixtures.ts';
import { claimsOf, run, startMs, startOf, tpmPass, x509Pass } from './store-units.ts';

const fault = faultMaker({ 'cable-out': { say: 'The cable is out.', hint: 'Plug it in.' } })('cable-out');
const failedRecord = { verdict: 'fail', phase: 'prove', fault, endedMs: startMs + 2_000 } as const;
const intent: Intent = { step: 'generate-key', requestId: 'q-1', sha256: 'aa' };

describe('beginning a run', () => {
  it('takes a new unit into the batch and gives it its first run', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    const begun = must(ops.begin(startOf(batch, 'SN1')));
    expect(begun).toMatchObject({ runNumber: 1, open: [] });
    expect(must(ops.unitView(begun.unitId))).toMatchObject({ state: 'in-work', serialNumber: 'SN1', runs: 1, slot: 1 });
    expect(must(ops.batchView(batch.batchId)).counts).toMatchObject({ inWork: 1, passed: 0 });
  });

  it('gives the same run when asked again', () => {
    const { ops } = newStore();
    const start = startOf(openedBatch(ops), 'SN1');
    expect(must(ops.begin(start))).toEqual(must(ops.begin(start)));
    expect(must(ops.listUnits({ limit: 10 })).items[0]).toMatchObject({ runs: 1 });
  });

  it('refuses a closed batch', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.closeBatch(batch.batchId, 'Sam'));
    expect(codeOf(ops.begin(startOf(batch, 'SN1')))).toBe('batch-closed');
  });

  it('refuses a batch that other units have filled, those in work counted', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops, { quantity: 2 });
    passUnit(ops, batch, tpmPass('SN1'), 'SN1');
    must(ops.begin(startOf(batch, 'SN2')));
    expect(codeOf(ops.begin(startOf(batch, 'SN3')))).toBe('batch-full');
    must(ops.end(run('run-SN2'), failedRecord));
    expect(must(ops.begin(startOf(batch, 'SN3'))).runNumber).toBe(1);
    expect(codeOf(ops.begin(startOf(batch, 'SN2', 'again')))).toBe('batch-full');
  });

  it('lets the last unit of a full batch be tried again', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops, { quantity: 1 });
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.end(run('run-SN1'), failedRecord));
    expect(must(ops.begin(startOf(batch, 'SN1', 'again'))).runNumber).toBe(2);
  });

  it('refuses a unit of another batch and says which', () => {
    const { ops } = newStore();
    passUnit(ops, openedBatch(ops, { name: 'First' }), tpmPass('SN1'), 'SN1');
    expect(ops.begin(startOf(openedBatch(ops), 'SN1', 'again'))).toMatchObject({
      ok: false,
      fault: { code: 'serial-in-other-batch', detail: { otherBatch: 'First', state: 'passed' } },
    });
  });

  it('refuses a unit of another batch that is still open', () => {
    const { ops } = newStore();
    must(ops.begin(startOf(openedBatch(ops, { name: 'First' }), 'SN1')));
    must(ops.end(run('run-SN1'), failedRecord));
    expect(codeOf(ops.begin(startOf(openedBatch(ops), 'SN1', 'again')))).toBe('serial-in-other-batch');
  });

  it('takes over a unit that never passed from a batch that was closed, and both batches count right', async () => {
    const { ops, file } = newStore();
    const first = openedBatch(ops, { name: 'First' });
    for (const name of ['SN1', 'SN2']) must(ops.begin(startOf(first, name)));
    must(ops.end(run('run-SN1'), failedRecord));
    passUnit(ops, first, tpmPass('SN3'), 'SN3');
    must(ops.closeBatch(first.batchId, 'Sam'));
    const next = openedBatch(ops, { name: 'Next', quantity: 2 });
    for (const name of ['SN1', 'SN2']) {
      expect(must(ops.begin(startOf(next, name, `${name}-again`))).runNumber).toBe(2);
    }
    must(ops.claim(run('SN1-again'), claimsOf(tpmPass('SN1'))));
    must(ops.pass(run('SN1-again'), tpmPass('SN1')));
    expect(must(ops.batchView(first.batchId))).toMatchObject({
      counts: { failed: 0, inWork: 0, passed: 1 },
      firstPassYield: 1,
    });
    expect(must(ops.batchView(next.batchId))).toMatchObject({
      counts: { failed: 0, inWork: 1, passed: 1 },
      firstPassYield: 0,
    });
    expect(eventsOf(file, 'unit.moved')).toMatchObject([
      { fromBatchId: first.batchId, batchId: next.batchId },
      { fromBatchId: first.batchId, batchId: next.batchId },
    ]);
    expect(codeOf(ops.begin(startOf(next, 'SN3', 'SN3-again')))).toBe('serial-in-other-batch');
    expect((await chainOf(ops)).ok).toBe(true);
  });

  it('tells a refused scan in the audit chain, and leaves nothing else', async () => {
    const { ops, file } = newStore();
    const batch = openedBatch(ops, { quantity: 1 });
    passUnit(ops, batch, tpmPass('SN1'), 'SN1');
    expect(codeOf(ops.begin(startOf(batch, 'SN2')))).toBe('batch-full');
    expect(eventsOf(file, 'run.refused')).toEqual([
      { runId: 'run-SN2', batchId: batch.batchId, serialNumber: 'SN2', slot: 1, fault: 'batch-full' },
    ]);
    expect(must(ops.listUnits({ limit: 10 })).total).toBe(1);
    expect((await chainOf(ops)).ok).toBe(true);
  });

  it('refuses a unit that passed, with its history', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    passUnit(ops, batch, tpmPass('SN1'), 'SN1');
    expect(ops.begin(startOf(batch, 'SN1', 'again'))).toMatchObject({
      fault: {
        code: 'unit-already-passed',
        detail: { operator: 'Toni', slot: 1, passedMs: startMs, registrationId: 'reg-sn1', runs: 1 },
      },
    });
  });

  it('ends a run of the unit that was still open', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1', 'lost')));
    must(ops.begin(startOf(batch, 'SN1', 'next')));
    expect(must(ops.interrupted()).map((open) => open.runId)).toEqual(['next']);
    expect(codeOf(ops.pass(run('lost'), tpmPass('SN1')))).toBe('run-ended');
  });
});

describe('claiming an identity', () => {
  it('keeps it for the unit for ever, across batches', () => {
    const { ops } = newStore();
    const first = openedBatch(ops, { name: 'First' });
    passUnit(ops, first, tpmPass('SN1'), 'SN1');
    must(ops.begin(startOf(openedBatch(ops), 'SN2')));
    expect(ops.claim(run('run-SN2'), [{ kind: 'ek', value: 'ek-SN1' }])).toMatchObject({
      fault: { code: 'identity-taken', detail: { serialNumber: 'SN1', batch: 'First', state: 'passed' } },
    });
  });

  it('gives the unit its own again in a later run', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.claim(run('run-SN1'), claimsOf(tpmPass('SN1'))));
    must(ops.end(run('run-SN1'), failedRecord));
    must(ops.begin(startOf(batch, 'SN1', 'again')));
    expect(ops.claim(run('again'), claimsOf(tpmPass('SN1'))).ok).toBe(true);
  });

  it('gives back what a run claimed that wrote nothing: the label was scanned for another unit', () => {
    const { ops, file } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.claim(run('run-SN1'), [{ kind: 'ek', value: 'shared' }]));
    must(ops.end(run('run-SN1'), { ...failedRecord, verdict: 'error' }));
    expect(eventsOf(file, 'run.ended')).toMatchObject([{ released: 1 }]);
    must(ops.begin(startOf(batch, 'SN2')));
    expect(ops.claim(run('run-SN2'), [{ kind: 'ek', value: 'shared' }]).ok).toBe(true);
  });

  it('keeps what an earlier run claimed that wrote to the unit, and what a unit that passed holds', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1', 'wrote')));
    must(ops.claim(run('wrote'), [{ kind: 'ek', value: 'shared' }]));
    must(ops.intend(run('wrote'), intent));
    must(ops.end(run('wrote'), failedRecord));
    must(ops.begin(startOf(batch, 'SN1', 'idle')));
    must(ops.claim(run('idle'), [{ kind: 'ek', value: 'shared' }]));
    must(ops.end(run('idle'), failedRecord));
    must(ops.begin(startOf(batch, 'SN2')));
    expect(codeOf(ops.claim(run('run-SN2'), [{ kind: 'ek', value: 'shared' }]))).toBe('identity-taken');
  });

  it('compares registration ids without case', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.begin(startOf(batch, 'SN2')));
    must(ops.claim(run('run-SN1'), [{ kind: 'registration-id', value: 'Dev-1' }]));
    expect(codeOf(ops.claim(run('run-SN2'), [{ kind: 'registration-id', value: 'dEV-1' }]))).toBe('identity-taken');
  });

  it('takes all claims or none', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.begin(startOf(batch, 'SN2')));
    must(ops.claim(run('run-SN1'), [{ kind: 'ek', value: 'b' }]));
    expect(
      codeOf(
        ops.claim(run('run-SN2'), [
          { kind: 'registration-id', value: 'a' },
          { kind: 'ek', value: 'b' },
        ]),
      ),
    ).toBe('identity-taken');
    expect(ops.claim(run('run-SN1'), [{ kind: 'registration-id', value: 'a' }]).ok).toBe(true);
  });

  it('knows only runs that are under way', () => {
    const { ops } = newStore();
    expect(codeOf(ops.claim(run('none'), []))).toBe('run-unknown');
  });
});

describe('intents', () => {
  it('stay open for the next run, with the same request id, until one is fulfilled', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.intend(run('run-SN1'), intent));
    must(ops.end(run('run-SN1'), failedRecord));
    expect(must(ops.begin(startOf(batch, 'SN1', 'second'))).open).toEqual([intent]);
    must(ops.intend(run('second'), intent));
    must(ops.fulfil(run('second'), intent, 'done'));
    must(ops.end(run('second'), failedRecord));
    expect(must(ops.begin(startOf(batch, 'SN1', 'third'))).open).toEqual([]);
  });

  it('are listed newest first, each once', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.intend(run('run-SN1'), intent));
    must(ops.intend(run('run-SN1'), { step: 'write-settings', requestId: 'q-2' }));
    must(ops.begin(startOf(batch, 'SN1', 'second')));
    must(ops.intend(run('second'), intent));
    expect(must(ops.interrupted())).toMatchObject([
      { runId: 'second', serialNumber: 'SN1', open: [intent, { step: 'write-settings', requestId: 'q-2' }] },
    ]);
  });
});

describe('ending a run', () => {
  it('leaves a failed unit failed and an error interrupted, with the reason', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    for (const name of ['SN1', 'SN2']) must(ops.begin(startOf(batch, name)));
    must(ops.end(run('run-SN1'), failedRecord));
    must(ops.end(run('run-SN2'), { ...failedRecord, verdict: 'error' }));
    expect(must(ops.listUnits({ limit: 10 })).items).toMatchObject([
      { serialNumber: 'SN2', state: 'interrupted', fault },
      { serialNumber: 'SN1', state: 'failed', fault },
    ]);
    expect(must(ops.batchView(batch.batchId)).counts).toMatchObject({ failed: 2, inWork: 0 });
  });

  it('can be read again when its answer was lost', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    expect(must(ops.verdict(run('run-SN1')))).toBeUndefined();
    must(ops.end(run('run-SN1'), failedRecord));
    expect(must(ops.verdict(run('run-SN1')))).toEqual({ verdict: 'fail', fault });
    passUnit(ops, batch, tpmPass('SN2'), 'SN2');
    const passed = { verdict: 'pass', attestation: 'tpm', registrationId: 'reg-sn2' };
    expect(must(ops.verdict(run('run-SN2')))).toEqual(passed);
    expect(must(ops.verdict(run('none')))).toBeUndefined();
  });

  it('is done once, and never changes a verdict', () => {
    const { ops } = newStore();
    must(ops.begin(startOf(openedBatch(ops), 'SN1')));
    must(ops.end(run('run-SN1'), failedRecord));
    expect(ops.end(run('run-SN1'), failedRecord).ok).toBe(true);
    expect(codeOf(ops.end(run('run-SN1'), { ...failedRecord, verdict: 'error' }))).toBe('run-ended');
    expect(codeOf(ops.pass(run('run-SN1'), tpmPass('SN1')))).toBe('run-ended');
  });
});

describe('a pass', () => {
  const outboxOf = (ops: ReturnType<typeof newStore>['ops']) => must(ops.outboxTake(100));

  it('puts a TPM unit into the outbox by its keys, with the device id of the template', () => {
    const { ops } = newStore();
    const initialTwin = '{"tags":{"line":"7"}}';
    passUnit(ops, openedBatch(ops, { initialTwin, enrollmentKind: 'group' }), tpmPass('SN1'), 'SN1');
    const [entry, ...others] = outboxOf(ops);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ kind: 'individual', key: 'reg-sn1', attempts: 1 });
    expect(JSON.parse(entry?.body ?? '')).toEqual({
      registrationId: 'reg-sn1',
      deviceId: 'dev-SN1',
      attestation: { type: 'tpm', tpm: { endorsementKey: 'ATo=', storageRootKey: 'ATs=' } },
      capabilities: { iotEdge: false },
      provisioningStatus: 'enabled',
      reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
      initialTwin: { tags: { line: '7' } },
    });
  });

  it('puts an X.509 unit into the outbox by its leaf alone', () => {
    const { ops } = newStore();
    passUnit(ops, openedBatch(ops), x509Pass('SN1'), 'SN1');
    const [entry] = outboxOf(ops);
    expect(JSON.parse(entry?.body ?? '')).toMatchObject({
      attestation: {
        type: 'x509',
        x509: {
          clientCertificates: {
            primary: { certificate: expect.stringMatching(/^-+BEGIN.*\nLEAFSN1\n-+END.*-\n$/) as string },
          },
        },
      },
    });
  });

  it('makes one group for a signer, whatever the number of units and batches', () => {
    const { ops } = newStore();
    for (const name of ['SN1', 'SN2']) {
      passUnit(ops, openedBatch(ops, { enrollmentKind: 'group', name }), x509Pass(name), name);
    }
    const entries = outboxOf(ops);
    expect(entries).toMatchObject([
      { kind: 'group', key: expect.stringMatching(/^line-7-issuing-ca-[0-9a-f]{16}$/) as string },
    ]);
    expect(JSON.parse(entries[0]?.body ?? '')).toMatchObject({
      attestation: {
        x509: { signingCertificates: { primary: { certificate: expect.stringContaining('AAAA') as string } } },
      },
    });
    expect(must(ops.listUnits({ limit: 9 })).items).toMatchObject([{ deviceId: 'sn2' }, { deviceId: 'sn1' }]);
  });

  it('makes another group where devices start with another twin', () => {
    const { ops } = newStore();
    passUnit(ops, openedBatch(ops, { enrollmentKind: 'group' }), x509Pass('SN1'), 'SN1');
    const initialTwin = '{"tags":{"line":"8"}}';
    passUnit(ops, openedBatch(ops, { enrollmentKind: 'group', initialTwin }), x509Pass('SN2'), 'SN2');
    expect(new Set(outboxOf(ops).map((entry) => entry.key)).size).toBe(2);
  });

  it('takes a member of a family that the service knows as enrolled', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops, { enrollmentKind: 'group' });
    passUnit(ops, batch, x509Pass('SN1'), 'SN1');
    must(ops.outboxSettle(outboxOf(ops).map(({ entryId }) => ({ entryId, outcome: { at: 'sent' } }))));
    passUnit(ops, batch, x509Pass('SN2'), 'SN2');
    expect(must(ops.listUnits({ limit: 9 })).items.map((unit) => unit.state)).toEqual(['enrolled', 'enrolled']);
    expect(outboxOf(ops)).toEqual([]);
  });

  it('is one, however often it is asked for', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    passUnit(ops, batch, tpmPass('SN1'), 'SN1');
    expect(ops.pass(run('run-SN1'), tpmPass('SN1')).ok).toBe(true);
    expect(outboxOf(ops)).toHaveLength(1);
    expect(must(ops.batchView(batch.batchId))).toMatchObject({ counts: { passed: 1 }, firstPassYield: 1 });
  });

  it('needs the registration id to be the unit’s own', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    expect(codeOf(ops.pass(run('run-SN1'), tpmPass('SN1')))).toBe('identity-unclaimed');
    must(ops.begin(startOf(batch, 'SN2')));
    must(ops.claim(run('run-SN2'), claimsOf(tpmPass('SN1'))));
    expect(codeOf(ops.pass(run('run-SN1'), tpmPass('SN1')))).toBe('identity-taken');
    expect(outboxOf(ops)).toEqual([]);
  });

  it('counts towards the first-pass yield only at the first run', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1', 'first')));
    must(ops.end(run('first'), failedRecord));
    passUnit(ops, batch, tpmPass('SN1'), 'SN1');
    passUnit(ops, batch, tpmPass('SN2'), 'SN2');
    expect(must(ops.batchView(batch.batchId)).firstPassYield).toBe(0.5);
  });

  it('gives the typical time as the median of the last 50 of its kind', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    expect(must(ops.typicalMs('tpm'))).toBeUndefined();
    for (let n = 1; n <= 60; n += 1) {
      const took = n <= 10 ? 60_000 : n * 100;
      must(ops.begin(startOf(batch, `SN${n}`)));
      must(ops.claim(run(`run-SN${n}`), claimsOf(tpmPass(`SN${n}`))));
      must(ops.pass(run(`run-SN${n}`), tpmPass(`SN${n}`, startMs + took)));
    }
    expect(must(ops.typicalMs('tpm'))).toBe(3_550);
    expect(must(ops.typicalMs('x509'))).toBeUndefined();
  });
});
