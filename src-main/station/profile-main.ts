/** Checks device profiles, and drafts them from transcripts. The verbs of the command line have checked the options already. */
import { parseArgs } from 'node:util';
import type { Fault } from '../lib/base/fault.ts';
import { readProfile, readText } from './device-files.ts';
import { draftProfile } from './drivers/console/draft.ts';
import { checkProfile } from './drivers/console/profile.ts';

const { values, positionals } = parseArgs({
  options: {
    id: { type: 'string', default: 'my-device' },
    prompt: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const [verb = '', file = ''] = positionals;

function tell({ code, say, hint }: Fault): number {
  if (values.json) process.stdout.write(`${JSON.stringify({ ok: false, fault: { code, say, hint } })}\n`);
  else process.stderr.write(`${say}\n${hint}\n(${code})\n`);
  return 1;
}

async function check(): Promise<number> {
  const profile = await readProfile(file);
  if (!profile.ok) return tell(profile.fault);
  const { profileId, name, attestations } = profile.value;
  const proves = attestations.length === 0 ? 'no batch can be opened for it' : attestations.join(', ');
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ ok: true, profileId, name, attestations })}\n`
      : `${profileId}: ${name} (${proves})\n`,
  );
  return 0;
}

async function draft(): Promise<number> {
  const transcript = await readText(file);
  if (!transcript.ok) return tell(transcript.fault);
  const { id, prompt } = values;
  const drafted = draftProfile(transcript.value, { profileId: id, ...(prompt === undefined ? {} : { prompt }) });
  if (!drafted.ok) return tell(drafted.fault);
  process.stdout.write(`${JSON.stringify(drafted.value, null, 2)}\n`);
  const checked = checkProfile(drafted.value);
  // A draft is never the last word: what it still lacks is for the person who asked.
  if (!checked.ok) process.stderr.write(`To be done: ${checked.fault.say}\n`);
  return 0;
}

process.exitCode = await (verb === 'check' ? check() : draft());
