/** `benchline slots`: what is plugged in, as `--slot N=...` takes it, and which slot of a station it belongs to. */
import { parseOptions } from './options.ts';
import { runRecords } from './records.ts';
import { stationFolder } from './report.ts';
import { type Verb, exitCodes, failWith } from './verb.ts';

const usage = [
  'benchline slots [--data DIR] [--json]',
  '  lists the adapters that are plugged in, each with the address that --slot N=ADDRESS takes;',
  '  with --data also which slot of that station each belongs to, and bound ones that are not plugged in',
].join('\n');

export const slotsVerb: Verb = {
  name: 'slots',
  summary: 'the adapters that are plugged in, and whose they are',
  usage,
  async run(args, output) {
    if (args.includes('--help')) {
      output.say(usage);
      return exitCodes.done;
    }
    const isJson = args.includes('--json');
    const parsed = parseOptions<'data'>(args, ['data']);
    if (!parsed.ok) return failWith(parsed.fault, output, isJson);
    const json = isJson ? ['--json'] : [];
    const { data } = parsed.value.values;
    if (data === undefined) return runRecords(json, 'slots-main');
    const folder = stationFolder(data);
    if (!folder.ok) return failWith(folder.fault, output, isJson);
    return runRecords(['--data', folder.value, ...json], 'slots-main');
  },
};
