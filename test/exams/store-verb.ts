/** Runs the verbs that read a station's records, as the command line does. */
import { reportVerb } from '../../src-main/cli/report.ts';
import { verifyVerb } from '../../src-main/cli/verify.ts';

const [name = '', ...args] = process.argv.slice(2);
const verb = [reportVerb, verifyVerb].find((known) => known.name === name);
const line = (text: string): string => `${text}\n`;

process.exitCode = await verb?.run(args, {
  say: (text) => void process.stdout.write(line(text)),
  warn: (text) => void process.stderr.write(line(text)),
  json: (value) => void process.stdout.write(line(JSON.stringify(value))),
});
