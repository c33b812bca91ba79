/** Writes the report of a batch as a whole file or not at all, one page of units in memory at a time. */
import { mkdir, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { fillDurable, systemCodeOf } from '../../lib/files/durable-file.ts';
import type { ReportBatch, ReportSource, ReportUnit } from '../batches/store-ports.ts';
import { batchMembers, cellsOf, columns, unitMembers } from './columns.ts';
import { reportFault } from './faults.ts';

export type ReportFormat = 'csv' | 'jsonl';

export interface WrittenReport {
  readonly path: string;
  readonly units: number;
  readonly batchId: string;
}

export interface BatchReports {
  /** `batchId` may be `latest`. Without a file: into the station's folder of reports, named after the batch. */
  write(batchId: string, format: ReportFormat, file?: string): Promise<Result<WrittenReport>>;
}

export function createBatchReports(source: ReportSource, folder: string): BatchReports {
  return {
    async write(batchId, format, file) {
      const batch = await source.reportBatch(batchId);
      if (!batch.ok) return batch;
      const path = file ?? join(folder, fileNameOf(batch.value, format));
      const units = await writeWhole(path, (handle) => writePages(handle, format, source, batch.value));
      return units.ok ? ok({ path, units: units.value, batchId: batch.value.batchId }) : units;
    },
  };
}

/** A name that every file system takes, and that tells batches of one name apart. */
function fileNameOf(batch: ReportBatch, format: ReportFormat): string {
  const slug = batch.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${slug === '' ? 'batch' : slug}-${batch.batchId.slice(0, 8)}.${format}`;
}

/** Whoever opens the report never sees half of one, after a power cut neither. */
async function writeWhole<T>(path: string, write: (handle: FileHandle) => Promise<Result<T>>): Promise<Result<T>> {
  try {
    await mkdir(dirname(path), { recursive: true });
    return await fillDurable(path, write);
  } catch (error) {
    return failed(reportFault('report-not-written', { file: path, reason: systemCodeOf(error) ?? 'unknown' }));
  }
}

interface Format {
  head(batch: ReportBatch): string;
  units(units: readonly ReportUnit[], batch: ReportBatch): string;
  /** Written last: a file without it was cut. A CSV has no place for one. */
  end(units: number): string;
}

// RFC 4180: CRLF, quotes doubled. A cell that a spreadsheet would take for a formula begins with an apostrophe.
const csvOptions = { record_delimiter: 'windows', escape_formulas: true } as const;
const jsonLine = (value: unknown): string => `${JSON.stringify(value)}\n`;

const formats: Readonly<Record<ReportFormat, Format>> = {
  csv: {
    head: () => stringify([Object.keys(columns)], csvOptions),
    units: (units, batch) =>
      stringify(
        units.map((unit) => cellsOf(unit, batch).map(neutral)),
        csvOptions,
      ),
    end: () => '',
  },
  jsonl: {
    head: (batch) => jsonLine({ kind: 'batch', ...batchMembers(batch) }),
    units: (units, batch) => units.map((unit) => jsonLine({ kind: 'unit', ...unitMembers(unit, batch) })).join(''),
    end: (units) => jsonLine({ kind: 'end', units }),
  },
};

/** A line break inside a cell is a line of its own to many readers; a leading CR is kept for the apostrophe. */
function neutral(cell: string | number): string | number {
  return typeof cell === 'string' ? cell.replace(/\r?\n|(?!^)\r/g, ' ') : cell;
}

async function writePages(
  handle: FileHandle,
  format: ReportFormat,
  source: ReportSource,
  batch: ReportBatch,
): Promise<Result<number>> {
  const lines = formats[format];
  await handle.write(lines.head(batch));
  let written = 0;
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = await source.reportUnits(batch.batchId, after);
    if (!page.ok) return page;
    const { units, next }: { readonly units: readonly ReportUnit[]; readonly next?: number } = page.value;
    await handle.write(lines.units(units, batch));
    written += units.length;
    after = next;
  }
  await handle.write(lines.end(written));
  return ok(written);
}
