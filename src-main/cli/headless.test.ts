import { describe, expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import type { BatchView, OutboxEntryView, ServiceView, SlotView, StationView, UnitView } from '../contract/views.ts';
import { type HeadlessResult, isComplete, runHeadless } from './headless.ts';
import { commonStart, repeated } from './job-units.ts';
import type { StationClient } from './station-client.ts';

const slot = (number: number): SlotView => ({
  slot: number,
  port: { state: 'ready', name: 'virtual unit' },
  virtualSerialNumber: `VBABCDEF-000${number}`,
});
const unit = (serialNumber: string, more: Partial<UnitView>): UnitView => ({
  ...{ unitId: serialNumber, batchId: 'b1', serialNumber, state: 'seen', runs: 1, attestation: 'x509' },
  ...{ registrationId: serialNumber.toLowerCase(), deviceId: serialNumber.toLowerCase(), hub: 'hub-1' },
  ...more,
});
const batch = (batchId: string): BatchView => ({
  ...{ batchId, state: 'open', openedMs: 1, openedBy: 'Operator' },
  terms: {
    ...{ name: 'B', product: 'P', quantity: 4, attestation: 'mixed', enrollmentKind: 'group', signerId: 'demo' },
    ...{ keyAlgorithm: 'p256', deviceIdTemplate: '{registrationId}', serialPattern: '.+' },
    ekCertificatePolicy: 'none',
    deviceProfile: 'bench-link',
  },
  counts: { inWork: 0, passed: 0, failed: 0, enrolled: 0, registered: 0, seen: 0, parked: 0 },
});
const service: ServiceView = {
  ...{ reachable: true, idScope: '0ne', host: 'h', hubs: [], enrollments: [], registrations: [] },
  ...{ enrollmentCount: 0, registrationCount: 0 },
};
const target = { name: 'T', idScope: '0ne', pending: 0, parked: 0, sent: 0, sinceMs: 1, embedded: true };
const station = (state: 'online' | 'offline', more: Partial<StationView> = {}): StationView => ({
  ...{ stationId: 's', version: '1', operator: 'O', slots: 2, virtualBench: true },
  target: { ...target, state, ...(state === 'offline' ? { fault: lost } : {}) },
  ...more,
});
const lost = { code: 'service-lost', say: 'It does not answer.', hint: 'Wait.' };

interface Scene {
  readonly station?: (nowMs: number) => StationView;
  readonly units?: readonly UnitView[];
  readonly parked?: readonly OutboxEntryView[];
  readonly batches?: readonly BatchView[];
  readonly service?: ServiceView;
}

/** Runs the job over a station that answers by the scene, in a time of its own. */
async function jobOn(scene: Scene): Promise<{ readonly result: Result<HeadlessResult>; readonly seconds: number }> {
  const clock = manualClock();
  const answers: Readonly<Record<string, () => unknown>> = {
    'station.get': () => scene.station?.(clock.monotonicMs()) ?? station('online'),
    'bench.get': () => ({ slots: [slot(1), slot(2)] }),
    'bench.scanVirtual': () => ({ started: 2 }),
    'unit.list': () => ({ items: scene.units ?? [], total: 0 }),
    'outbox.list': () => ({ items: scene.parked ?? [], total: 0 }),
    'batch.list': () => ({ batches: scene.batches ?? [batch('b1')] }),
    'service.get': () => scene.service ?? service,
  };
  const call = (name: string) => Promise.resolve(ok(answers[name]?.()));
  const client = { call, pid: 1, ended: new Promise(() => undefined) } as unknown as StationClient;
  let result: Result<HeadlessResult> | undefined;
  const job = runHeadless({ station: client, clock, units: 2, tpm: 'software', say: () => undefined });
  void job.then((end) => (result = end));
  while (result === undefined && clock.monotonicMs() < 400_000) await clock.advance(200);
  return { result: await job, seconds: clock.monotonicMs() / 1_000 };
}

const both = [unit('VBABCDEF-0001', {}), unit('VBABCDEF-0002', {})];
const entry = (more: Partial<OutboxEntryView>): OutboxEntryView => ({
  ...{ entryId: 1, kind: 'group', key: 'demo-0001', batchId: 'b0', state: 'parked', attempts: 1, createdMs: 1 },
  ...more,
});

describe('the headless job', () => {
  it('counts the units of its own bench, not all that the data folder holds', async () => {
    const earlier = unit('VBABCDEF-0009', { state: 'failed' });
    const { result } = await jobOn({ units: [...both, earlier] });
    expect(result).toMatchObject({ ok: true, value: { units: 2, passed: 2, seen: 2, failed: 0 } });
    expect(result.ok && isComplete(result.value)).toBe(true);
  });

  it('ends with a result when the group that its units wait for is parked, by an earlier batch of the signer', async () => {
    const waiting = both.map((each) => ({ ...each, state: 'passed' as const }));
    const batches = [batch('b0'), batch('b1')];
    const { result } = await jobOn({ units: waiting, parked: [entry({})], batches });
    expect(result).toMatchObject({ ok: true, value: { passed: 2, enrolled: 0, parked: 1 } });
  });

  it('goes on waiting for a TPM unit while only a group is parked', async () => {
    const waiting = [unit('VBABCDEF-0001', { state: 'passed', attestation: 'tpm' })];
    const { result } = await jobOn({ units: waiting, parked: [entry({ batchId: 'b1' })] });
    expect(result).toMatchObject({ ok: false, fault: { code: 'job-too-long' } });
  });

  it('outlasts a service that is away for a moment', async () => {
    const away = (nowMs: number): StationView => station(nowMs < 15_000 ? 'offline' : 'online');
    expect((await jobOn({ station: away, units: both })).result.ok).toBe(true);
  });

  it("ends with the service's fault when it stays away, long before the job's limit", async () => {
    const { result, seconds } = await jobOn({ station: () => station('offline') });
    expect(result).toEqual(failed(lost));
    expect(seconds).toBeLessThan(30);
  });

  it("ends at once with the station's own fault", async () => {
    const broken = { code: 'unit-not-started', say: 'A virtual unit did not start.', hint: 'Look.' };
    const { result, seconds } = await jobOn({ station: () => station('online', { fault: broken }) });
    expect(result).toEqual(failed(broken));
    expect(seconds).toBeLessThan(1);
  });

  it("is not complete when the service's own lists hold something twice", async () => {
    const row = { registrationId: 'a', deviceId: 'a', status: 'assigned', updatedMs: 1 };
    const twice = { ...service, registrations: [row, { ...row, registrationId: 'b' }] };
    const { result } = await jobOn({ units: both, service: twice });
    expect(result).toMatchObject({ ok: true, value: { duplicates: 1 } });
    expect(result.ok && isComplete(result.value)).toBe(false);
    expect(repeated({ ...twice, registrations: [row] })).toBe(0);
  });
});

it('units are searched by what their serial numbers have in common', () => {
  expect(commonStart(['VBA-0001', 'VBA-0010'])).toBe('VBA-00');
  expect(commonStart(['VBA-0001'])).toBe('VBA-0001');
  expect(commonStart([])).toBe('');
});
