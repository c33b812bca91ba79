import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { faultMaker } from '../../src-main/lib/base/fault.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { openStoreReader } from '../../src-main/station/queue/reader.ts';
import { createBatchReports } from '../../src-main/station/reports/batch-reports.ts';
import { codeOf, newFolder, newStore, openedBatch, passUnit } from './store-fixtures.ts';
import { run, startMs, startOf, tpmPass } from './store-units.ts';

const fault = faultMaker({ odd: { say: '=SUM(A1), "quoted"\nand more', hint: 'None.' } })('odd');

function stationWithUnits() {
  const data = newFolder();
  const test = newStore(join(data, 'station.db'));
  const batch = openedBatch(test.ops, { name: '+Batch, A' });
  passUnit(test.ops, batch, tpmPass('SN1'), 'SN1');
  must(test.ops.begin({ ...startOf(batch, 'SN2'), operator: '@Toni' }));
  must(test.ops.end(run('run-SN2'), { verdict: 'fail', phase: 'prove', fault, endedMs: startMs }));
  return { data, batch, ...test };
}

function benchline(...args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const verb = fileURLToPath(new URL('store-verb.ts', import.meta.url));
  const child = spawn(process.execPath, [verb, ...args]);
  const text = { out: '', err: '' };
  child.stdout.on('data', (part: Buffer) => (text.out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (text.err += part.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...text })));
}

describe('a batch report', () => {
  it('as CSV tells every unit in columns, and no cell is a formula', async () => {
    const { file, data, ops, batch } = stationWithUnits();
    const reader = must(openStoreReader(file));
    const written = must(await createBatchReports(reader, join(data, 'reports')).write(batch.batchId, 'csv'));
    reader.close();
    expect(written).toMatchObject({
      units: 2,
      path: join(data, 'reports', `batch-a-${batch.batchId.slice(0, 8)}.csv`),
    });
    const text = readFileSync(written.path, 'utf8');
    const [head, first, second, ...rest] = text.split('\r\n');
    expect(rest).toEqual(['']);
    expect(head).toMatch(/^batch_id,batch,product,station,serial_number,state,verdict,reason_code,reason,last_phase,/);
    expect(first).toContain(`${batch.batchId},"'+Batch, A",Sensor 7,station-`);
    expect(first).toContain(
      ',SN1,passed,pass,,,commit,Toni,1,1,S7,1.2,,,tpm,ek-SN1,individual,reg-sn1,pending,reg-sn1,dev-SN1,,',
    );
    expect(first).toContain(`,2027-01-15T08:00:00.000Z,,,,`);
    expect(second).toContain(`,SN2,failed,fail,odd,"'=SUM(A1), ""quoted"" and more",prove,'@Toni,1,1,`);
    expect(first?.endsWith(must(ops.chainHead()).hash)).toBe(true);
  });

  it('as JSON Lines tells the batch, each unit, and that it is whole', async () => {
    const { file, data, ops } = stationWithUnits();
    const reader = must(openStoreReader(file));
    const out = join(data, 'elsewhere', 'report.jsonl');
    must(await createBatchReports(reader, data).write('latest', 'jsonl', out));
    reader.close();
    const lines = readFileSync(out, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const { seq, hash } = must(ops.chainHead());
    expect(lines).toMatchObject([
      { kind: 'batch', batch: '+Batch, A', quantity: 100, opened_by: 'Sam', chain_events: seq, chain_head: hash },
      { kind: 'unit', serial_number: 'SN1', verdict: 'pass', registration_id: 'reg-sn1' },
      { kind: 'unit', serial_number: 'SN2', reason_code: 'odd', reason: fault.say },
      { kind: 'end', units: 2 },
    ]);
  });

  it('is written page by page and has each unit once', async () => {
    const test = newStore();
    const batch = openedBatch(test.ops, { quantity: 5_000 });
    for (let n = 1; n <= 1_050; n += 1) must(test.ops.begin(startOf(batch, `SN${n}`)));
    const out = join(newFolder(), 'r.jsonl');
    const reader = must(openStoreReader(test.file));
    expect(must(await createBatchReports(reader, '').write('latest', 'jsonl', out)).units).toBe(1_050);
    reader.close();
    const serials = [...readFileSync(out, 'utf8').matchAll(/"serial_number":"(SN\d+)"/g)].map(([, name]) => name);
    expect(new Set(serials).size).toBe(1_050);
  });

  it('that cannot be written leaves what was there, and nothing half done', async () => {
    const { file, data } = stationWithUnits();
    const reader = must(openStoreReader(file));
    const reports = createBatchReports(reader, data);
    writeFileSync(join(data, 'taken'), 'a file');
    expect(codeOf(await reports.write('latest', 'csv', join(data, 'taken', 'r.csv')))).toBe('report-not-written');
    mkdirSync(join(data, 'r.csv'));
    expect(codeOf(await reports.write('latest', 'csv', join(data, 'r.csv')))).toBe('report-not-written');
    expect(existsSync(join(data, '.r.csv.draft'))).toBe(false);
    expect(codeOf(await reports.write('none', 'csv'))).toBe('batch-unknown');
    reader.close();
  });
});

describe('the command line', () => {
  it('writes the report while the station works, and checks the chain', async () => {
    const { data } = stationWithUnits();
    const out = join(data, 'out.jsonl');
    const report = await benchline('report', '--data', data, '--batch', 'latest', '--out', out, '--json');
    expect(report).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(report.out)).toMatchObject({ ok: true, path: out, units: 2 });
    expect(readFileSync(out, 'utf8')).toContain('"kind":"end"');
    const verify = await benchline('verify', '--data', data);
    expect(verify).toMatchObject({ code: 0, err: '' });
    expect(verify.out).toContain('The audit chain is whole');
  });

  it('says what is wrong, and with which exit code', async () => {
    const data = newFolder();
    expect(await benchline('report', '--data', join(data, 'none'))).toMatchObject({ code: 1 });
    expect(await benchline('report', '--data', data, '--format', 'pdf')).toMatchObject({ code: 2 });
    expect(await benchline('verify')).toMatchObject({ code: 2 });
    const empty = await benchline('verify', '--data', data, '--json');
    expect(empty.code).toBe(1);
    expect(JSON.parse(empty.out)).toMatchObject({ ok: false, fault: { code: 'no-station-worked' } });
    expect(existsSync(join(data, 'station.db'))).toBe(false);
  });
});
