/** `benchline verify`: whether the audit chain of a station's data folder is whole. */
import { parseOptions } from './options.ts';
import { runRecords } from './records.ts';
import { stationFolder } from './report.ts';
import { type Verb, exitCodes, failWith } from './verb.ts';

const usage = [
  'benchline verify --data DIR [--json]',
  '  checks every event of the audit chain, and that each pass is told by one; also while the station works',
].join('\n');

export const verifyVerb: Verb = {
  name: 'verify',
  summary: "checks the audit chain of a station's data folder",
  usage,
  async run(args, output) {
    if (args.includes('--help')) {
      output.say(usage);
      return exitCodes.done;
    }
    const parsed = parseOptions<'data'>(args, ['data']);
    const folder = parsed.ok ? stationFolder(parsed.value.values.data) : parsed;
    if (!folder.ok) return failWith(folder.fault, output, args.includes('--json'));
    return runRecords(['verify', '--data', folder.value, ...(args.includes('--json') ? ['--json'] : [])]);
  },
};
