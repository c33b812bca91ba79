/** Reads a station's data folder without touching it: `report` writes a batch's report, `verify` checks the audit chain. */
import { parseArgs } from 'node:util';
import type { Fault } from '../lib/base/fault.ts';
import type { Result } from '../lib/base/result.ts';
import { stationPaths } from './config.ts';
import { type StoreReader, openStoreReader } from './queue/reader.ts';
import { createBatchReports } from './reports/batch-reports.ts';

// The verbs of the command line have checked the options already; here they only arrive.
const { values, positionals } = parseArgs({
  options: {
    data: { type: 'string', default: '.' },
    batch: { type: 'string', default: 'latest' },
    format: { type: 'string', default: 'csv' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

interface Told {
  readonly json: Readonly<Record<string, string | number | boolean>>;
  readonly say: string;
}

async function report(reader: StoreReader): Promise<Result<Told>> {
  const reports = createBatchReports(reader, stationPaths(values.data).reports);
  const written = await reports.write(values.batch, values.format === 'jsonl' ? 'jsonl' : 'csv', values.out);
  if (!written.ok) return written;
  const { path, units, batchId } = written.value;
  return { ok: true, value: { json: { ok: true, path, units, batchId }, say: `${path}: ${units} units` } };
}

async function verify(reader: StoreReader): Promise<Result<Told>> {
  const sound = await reader.verifyChain();
  if (!sound.ok) return sound;
  const { events, head } = sound.value;
  const say = `The audit chain is whole: ${events} events, head ${head}`;
  return { ok: true, value: { json: { ok: true, events, head }, say } };
}

function tell({ code, say, hint }: Fault): void {
  if (values.json) process.stdout.write(`${JSON.stringify({ ok: false, fault: { code, say, hint } })}\n`);
  else process.stderr.write(`${say}\n${hint}\n(${code})\n`);
}

async function main(): Promise<number> {
  const reader = openStoreReader(stationPaths(values.data).database);
  if (!reader.ok) {
    tell(reader.fault);
    return 1;
  }
  const told = await (positionals[0] === 'verify' ? verify(reader.value) : report(reader.value));
  reader.value.close();
  if (!told.ok) {
    tell(told.fault);
    return 1;
  }
  process.stdout.write(`${values.json ? JSON.stringify(told.value.json) : told.value.say}\n`);
  return 0;
}

process.exitCode = await main();
