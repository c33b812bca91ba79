/** `benchline report`: the report of a batch from a station's data folder, also while the station works. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { type ParsedOptions, parseOptions } from './options.ts';
import { runRecords } from './records.ts';
import { type Verb, cliFault, exitCodes, failWith } from './verb.ts';

const names = ['data', 'batch', 'format', 'out'] as const;
type Name = (typeof names)[number];

const usage = [
  'benchline report --data DIR [--batch ID|latest] [--format csv|jsonl] [--out FILE] [--json]',
  "  writes the report of a batch; without --out into the data folder's reports, named after the batch",
  '  --batch   the number of the batch, or latest (which is meant without it)',
  '  --format  csv, or jsonl; without it as the name of FILE ends, else csv',
].join('\n');

export const reportVerb: Verb = {
  name: 'report',
  summary: 'the report of a batch, as CSV or JSON Lines',
  usage,
  async run(args, output) {
    if (args.includes('--help')) {
      output.say(usage);
      return exitCodes.done;
    }
    const parsed = parseOptions<Name>(args, names);
    const program = parsed.ok ? programArgs(parsed.value) : parsed;
    return program.ok ? runRecords(program.value) : failWith(program.fault, output, args.includes('--json'));
  },
};

function programArgs({ values, flags, words }: ParsedOptions<Name>): Result<readonly string[]> {
  const { data, batch = 'latest', out } = values;
  const [word] = words;
  if (word !== undefined)
    return failed(cliFault('option-unknown', { reason: `The word ${word} belongs to no option.` }));
  const format = values.format ?? (out?.endsWith('.jsonl') === true ? 'jsonl' : 'csv');
  if (format !== 'csv' && format !== 'jsonl') {
    return failed(cliFault('option-wrong', { option: '--format', value: format, wanted: 'csv or jsonl' }));
  }
  const folder = stationFolder(data);
  if (!folder.ok) return folder;
  return ok([
    ...['report', '--data', folder.value, '--batch', batch, '--format', format],
    ...(out === undefined ? [] : ['--out', out]),
    ...(flags.has('json') ? ['--json'] : []),
  ]);
}

/** The folder must be one that a station has worked in: reading must not make one. */
export function stationFolder(data: string | undefined): Result<string> {
  if (data === undefined) return failed(cliFault('option-missing', { option: '--data' }));
  if (!existsSync(data)) return failed(cliFault('data-folder-unusable', { folder: data, reason: 'it does not exist' }));
  // The station's own name for its store (stationPaths): the command line may not import a program.
  if (existsSync(join(data, 'station.db'))) return ok(data);
  return failed(cliFault('no-station-worked', { folder: data }));
}
