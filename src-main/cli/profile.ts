/** `benchline profile check FILE`, `benchline profile draft TRANSCRIPT`: device profiles, without a station. */
import { parseOptions } from './options.ts';
import { runRecords } from './records.ts';
import { type Verb, cliFault, exitCodes, failWith } from './verb.ts';

const usage = [
  'benchline profile check FILE [--json]',
  '  says whether a device profile can be used, and where it cannot',
  'benchline profile draft TRANSCRIPT [--id ID] [--prompt TEXT]',
  '  makes a draft of a profile out of a captured console session; typed lines begin with "> " or with the prompt',
].join('\n');

export const profileVerb: Verb = {
  name: 'profile',
  summary: 'checks a device profile, or drafts one from a captured console session',
  usage,
  async run(args, output) {
    if (args.includes('--help')) {
      output.say(usage);
      return exitCodes.done;
    }
    const asJson = args.includes('--json');
    const parsed = parseOptions<'id' | 'prompt'>(args, ['id', 'prompt']);
    if (!parsed.ok) return failWith(parsed.fault, output, asJson);
    const { words, values } = parsed.value;
    const [verb, file, ...others] = words;
    if ((verb !== 'check' && verb !== 'draft') || others.length > 0) {
      return failWith(cliFault('verb-unknown', { verb: `profile ${words.join(' ')}`.trim() }), output, asJson);
    }
    if (file === undefined) return failWith(cliFault('option-missing', { option: 'FILE' }), output, asJson);
    const { id, prompt } = values;
    if (id !== undefined && !/^[a-z0-9-]{1,64}$/.test(id)) {
      const wanted = 'small letters, digits and hyphens, at most 64';
      return failWith(cliFault('option-wrong', { option: '--id', value: id, wanted }), output, asJson);
    }
    const options = [
      ...(id === undefined ? [] : [`--id=${id}`]),
      ...(prompt === undefined ? [] : [`--prompt=${prompt}`]),
      ...(asJson ? ['--json'] : []),
    ];
    return runRecords([...options, '--', verb, file], 'profile-main');
  },
};
