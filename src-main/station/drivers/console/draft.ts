/** Makes a draft of a device profile out of a captured console session: what a person would type off the screen first. */
import { type Result, failed, ok } from '../../../lib/base/result.ts';
import { faultMaker } from '../../../lib/base/fault.ts';

const draftFault = faultMaker({
  'transcript-empty': {
    say: 'No command was found in the transcript.',
    hint: 'Mark each line that was typed with "> " at its beginning, or name the prompt with --prompt.',
  },
  'transcript-long': {
    say: 'The transcript is too long.',
    hint: 'Keep one session of one unit, at most {lines} lines.',
  },
});

export interface DraftOptions {
  readonly profileId: string;
  /** What stands before a typed line; otherwise "> " or "-> ". */
  readonly prompt?: string;
}

interface Exchange {
  readonly sent: string;
  readonly heard: readonly string[];
}

/** A session of one unit is some hundred lines. */
const maxLines = 5_000;
const maxLineChars = 16_384;

export function draftProfile(transcript: string, options: DraftOptions): Result<Record<string, unknown>> {
  const lines = transcript.split(/\r\n|\r|\n/).map((line) => line.slice(0, maxLineChars));
  if (lines.length > maxLines) return failed(draftFault('transcript-long', { lines: maxLines }));
  const exchanges = exchangesIn(lines, options.prompt);
  const [first, ...others] = exchanges;
  if (first === undefined) return failed(draftFault('transcript-empty'));
  const until = usualEnd(exchanges);
  const steps: Record<string, unknown[]> = { connect: [{ send: escaped(first.sent), repeat: true }] };
  for (const exchange of others) {
    const step = stepOf(exchange);
    (steps[step] ??= []).push(commandOf(exchange, step, until));
  }
  steps['identify'] ??= [{ send: escaped(first.sent), repeat: true }];
  const hasBoth = steps['createCsr'] !== undefined && steps['writeCertificates'] !== undefined;
  return ok({
    profileId: options.profileId,
    name: 'TODO: what the unit is called',
    sources: ['https://example.com/TODO-where-the-vendor-documents-this-console'],
    notes: 'TODO: what it can and cannot do. Drafted from a transcript: check every line against the documentation.',
    attestations: hasBoth ? ['x509'] : [],
    ...(hasBoth ? { keyAlgorithm: 'p256' } : {}),
    line: {
      end: 'crlf',
      echo: 'line',
      ...(options.prompt === undefined ? {} : { prompt: options.prompt }),
      pem: 'lf',
    },
    until: until ?? (options.prompt === undefined ? 'OK' : 'prompt'),
    timeoutMs: 5_000,
    silentHint: 'TODO: what the technician does when this unit is not heard.',
    errors: errorsIn(exchanges),
    identity: { model: 'TODO', firmware: 'TODO' },
    steps,
  });
}

function exchangesIn(lines: readonly string[], prompt: string | undefined): readonly Exchange[] {
  const marks = prompt === undefined ? ['-> ', '> '] : [prompt];
  const exchanges: { sent: string; heard: string[] }[] = [];
  for (const line of lines) {
    const mark = marks.find((one) => line.startsWith(one));
    const typed = mark === undefined ? '' : line.slice(mark.length).trim();
    if (typed !== '') exchanges.push({ sent: typed, heard: [] });
    else if (line.trim() !== '') exchanges.at(-1)?.heard.push(line.replace(/^<-? /, '').trim());
  }
  // A PEM that was typed over several lines belongs to its command.
  return exchanges.map(({ sent, heard }) => joined(sent, heard));
}

function joined(sent: string, heard: readonly string[]): Exchange {
  const end = heard.findIndex((line) => line.startsWith('-----END') || line === '"');
  const isOpen = sent.includes('-----BEGIN') && !sent.includes('-----END');
  if (!isOpen || end < 0) return { sent, heard };
  const closes = heard[end + 1] === '"' ? end + 2 : end + 1;
  return { sent: [sent, ...heard.slice(0, closes)].join('\n'), heard: heard.slice(closes) };
}

/** The last line that most answers have in common. */
function usualEnd(exchanges: readonly Exchange[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { heard } of exchanges) {
    const last = heard.at(-1);
    if (last !== undefined && last.length <= 40) counts.set(last, (counts.get(last) ?? 0) + 1);
  }
  const [best] = [...counts].sort(([, a], [, b]) => b - a);
  return best !== undefined && best[1] > 1 ? escaped(best[0]) : undefined;
}

function stepOf({ sent, heard }: Exchange): string {
  if (sent.includes('-----BEGIN CERTIFICATE-----')) return 'writeCertificates';
  if (heard.some((line) => line.includes('BEGIN CERTIFICATE REQUEST') || /[A-Za-z0-9+/_-]{200}/.test(line)))
    return 'createCsr';
  return 'identify';
}

function commandOf(exchange: Exchange, step: string, until: string | undefined): Record<string, unknown> {
  const { sent, heard } = exchange;
  const send = escaped(
    sent.replace(/-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----\s*/, '\u0000'),
  ).replace('\u0000', '{chainPem}');
  const ends =
    until === undefined || heard.at(-1) === undefined
      ? {}
      : escaped(heard.at(-1) ?? '') === until
        ? {}
        : { until: escaped(heard.at(-1) ?? '').slice(0, 200) };
  if (step === 'writeCertificates') return { send, ...ends };
  if (heard.some((line) => line.includes('BEGIN CERTIFICATE REQUEST'))) {
    const [begin, end] = ['-----BEGIN CERTIFICATE REQUEST-----', '-----END CERTIFICATE REQUEST-----'];
    return { send, keepBlock: { name: 'csr', begin, end }, timeoutMs: 60_000, ...ends };
  }
  const keep = heard
    .slice(0, -1)
    .flatMap((line, at) => generalised(line, step, at))
    .slice(0, 8);
  return {
    send,
    ...(keep.length === 0 ? {} : { keep }),
    ...(step === 'createCsr' ? { timeoutMs: 60_000 } : { repeat: true }),
    ...ends,
  };
}

/** Long runs of digits, hexadecimal and base64 become names: they differ from unit to unit. */
function generalised(line: string, step: string, at: number): readonly string[] {
  const rules = [
    { pattern: /[A-Za-z0-9_-]{200,}/, kind: 'base64url', name: 'csr' },
    { pattern: /[A-Za-z0-9+/=]{200,}/, kind: 'base64', name: 'csr' },
    { pattern: /[0-9A-Fa-f]{32,}/, kind: 'hex', name: `hash${at}` },
    { pattern: /[0-9]{5,}/, kind: 'digits', name: `number${at}` },
  ] as const;
  const rule = rules.find(({ pattern, name }) => pattern.test(line) && (name !== 'csr' || step === 'createCsr'));
  if (rule === undefined) return [];
  const found = rule.pattern.exec(line);
  if (found === null) return [];
  const rest = line.slice(found.index + found[0].length);
  const tail =
    rule.name === 'csr' && rest.startsWith('.')
      ? `.{signature:base64url}${escaped(rest.replace(/^\.[A-Za-z0-9_-]*/, ''))}`
      : escaped(rest);
  return [`${escaped(line.slice(0, found.index))}{${rule.name}:${rule.kind}}${tail}`.slice(0, 2_000)];
}

function errorsIn(exchanges: readonly Exchange[]): readonly Record<string, unknown>[] {
  const seen = new Set(
    exchanges.flatMap(({ heard }) => heard.filter((line) => /^[+ ]*[A-Z ]*error\b/i.test(line) && line.length <= 80)),
  );
  const hint = 'TODO: what the technician does about it.';
  const known = [...seen].slice(0, 20).map((line) => ({ line: escaped(line), fault: 'station', hint }));
  return [...known, { line: 'ERROR', fault: 'station', hint }];
}

/** Braces are names in a profile; a transcript means none. */
function escaped(text: string): string {
  return text.replace(/[{}]/g, '').slice(0, 2_000);
}
