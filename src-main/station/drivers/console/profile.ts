/** A device profile: what is typed at a unit's console, what it answers, and what that means. Data, checked at the border. */
import { z } from 'zod';
import { faultMaker } from '../../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../../lib/base/result.ts';
import { namesIn, parseTemplate } from './template.ts';

const profileFault = faultMaker({
  'profile-malformed': {
    say: 'The device profile cannot be used: {path}: {reason}.',
    hint: 'Correct that place; docs/drivers.md tells what each member means.',
  },
});

const Template = z.string().min(1).max(2_000);
const Name = z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,31}$/);

const Command = z.strictObject({
  send: Template,
  /** The line that ends the answer; `prompt` for the prompt. Otherwise that of the profile. */
  until: Template.optional(),
  /** Lines to keep values of. */
  keep: z.array(Template).max(8).optional(),
  /** Lines from one that begins so to one that ends so, kept as they are. */
  keepBlock: z.strictObject({ name: Name, begin: Template, end: Template }).optional(),
  /** A kept value must be this, letters of either case; otherwise the unit does not hold what was written. */
  expect: z.record(Name, Template).optional(),
  /** Answers that are as good as the awaited one here. */
  accept: z.array(Template).max(8).optional(),
  /** For the whole answer, from the first byte of the command; the pauses of `line.chunk` are added. */
  timeoutMs: z.int().min(100).max(120_000).optional(),
  /** May be sent again when no answer came: it only reads. */
  repeat: z.boolean().optional(),
  /** Only where this value is there. */
  when: Name.optional(),
});
export type ConsoleCommand = z.infer<typeof Command>;

const Commands = z.array(Command).min(1).max(24);

const stepNames = [
  ...['connect', 'identify', 'prepare', 'generateKey', 'createCsr', 'writeCertificates', 'readCertificates'],
  ...['writeSettings', 'readSettings', 'boot', 'finish'],
] as const;

const Profile = z.strictObject({
  profileId: z.string().regex(/^[a-z0-9-]{1,64}$/),
  name: z.string().min(1).max(80),
  /** Where the vendor says all this. */
  sources: z.array(z.url()).min(1).max(8),
  /** For people: what it can and cannot do. */
  notes: z.string().max(2_000),
  attestations: z.array(z.literal('x509')).max(1),
  keyAlgorithm: z.enum(['p256', 'rsa2048']).optional(),
  line: z.strictObject({
    baudRate: z.int().min(300).max(4_000_000).optional(),
    /** What ends a command. */
    end: z.enum(['cr', 'lf', 'crlf']),
    /** `line`: the unit repeats what it is sent; `masked`: with asterisks in place of secrets. */
    echo: z.enum(['none', 'line', 'masked']),
    prompt: z.string().min(1).max(40).optional(),
    /** Long commands are sent in pieces, for units that would lose bytes. */
    chunk: z.strictObject({ bytes: z.int().min(1).max(4_096), pauseMs: z.int().min(0).max(5_000) }).optional(),
    /** Line ends inside a PEM text; `escaped`: a backslash and an n. */
    pem: z.enum(['lf', 'crlf', 'escaped']),
  }),
  /** Ends an answer unless the command says otherwise. */
  until: Template,
  timeoutMs: z.int().min(100).max(120_000),
  /** For the technician, when the unit is not heard at all. */
  silentHint: z.string().min(1).max(300),
  errors: z
    .array(
      z.strictObject({
        line: Template,
        /** Whose fault it is: the unit's own (verdict fail), or nobody's (error: try again). */
        fault: z.enum(['unit', 'station']),
        say: z.string().min(1).max(200).optional(),
        hint: z.string().min(1).max(300),
      }),
    )
    .min(1)
    .max(40),
  values: z.record(Name, z.string().max(200)).optional(),
  identity: z.strictObject({ model: Template, firmware: Template, serialNumber: Template.optional() }),
  /** Places for credentials, of which one is free before the old one goes. */
  slots: z
    .strictObject({
      names: z.array(z.string().min(1).max(40)).min(1).max(8),
      /** Lists what a place holds: lines with {slot}, {kind} and perhaps more. */
      list: Command,
      item: Template,
      /** Kinds that make a credential: its key, and the certificate without which it is none. */
      keyKind: z.string().min(1).max(20),
      certificateKind: z.string().min(1).max(20),
      /** Empties a place. Used on one without a certificate, and on the old one after the new one was read back. */
      drop: Commands,
    })
    .optional(),
  steps: z.strictObject(
    Object.fromEntries(stepNames.map((name) => [name, Commands.optional()])) as Record<
      (typeof stepNames)[number],
      z.ZodOptional<typeof Commands>
    >,
  ),
});
export type ConsoleProfile = z.infer<typeof Profile>;
export type StepName = (typeof stepNames)[number];

/** What the station knows and can type, by step. */
const everywhere = ['slot', 'serialNumber'];
const certificates = ['leafPem', 'leafPemSha256', 'chainPem', 'chainPemSha256', 'leafBase64', 'leafHex'];
const givenIn: Readonly<Partial<Record<StepName, readonly string[]>>> = {
  createCsr: ['commonName'],
  writeCertificates: [...certificates, 'rootsPem', 'rootsPemSha256'],
  readCertificates: [...certificates, 'rootsPem', 'rootsPemSha256'],
  writeSettings: ['registrationId', 'idScope', 'endpoint', 'rootsPem'],
  readSettings: ['registrationId', 'idScope', 'endpoint'],
};

interface Flaw {
  readonly path: string;
  readonly reason: string;
}

/** The profile, or the first thing that is wrong with it and where. */
export function checkProfile(data: unknown): Result<ConsoleProfile> {
  const parsed = Profile.safeParse(data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return malformed({ path: issue?.path.join('.') ?? '', reason: issue?.message ?? 'it is not a profile' });
  }
  const profile = parsed.data;
  const flaw = flawInTemplates(profile) ?? flawInSteps(profile) ?? flawInNames(profile);
  return flaw === undefined ? ok(profile) : malformed(flaw);
}

function malformed({ path, reason }: Flaw): Result<never> {
  return failed(profileFault('profile-malformed', { path: path === '' ? 'the file' : path, reason }));
}

/** Every text that is filled or matched can be read. */
function flawInTemplates(profile: ConsoleProfile): Flaw | undefined {
  const looked: [string, string | undefined][] = [
    ['until', profile.until],
    ['identity.model', profile.identity.model],
    ['identity.firmware', profile.identity.firmware],
    ['identity.serialNumber', profile.identity.serialNumber],
    ['slots.item', profile.slots?.item],
    ...profile.errors.map(({ line }, at): [string, string] => [`errors.${at}.line`, line]),
    ...commandsOf(profile).flatMap(({ path, command }) => textsOf(path, command)),
  ];
  const bad = looked.find(([, text]) => text !== undefined && parseTemplate(text) === undefined);
  return (
    bad && { path: bad[0], reason: `"${bad[1]?.slice(0, 40) ?? ''}" is no template: braces hold a name and a kind` }
  );
}

function textsOf(path: string, command: ConsoleCommand): [string, string | undefined][] {
  return [
    [`${path}.send`, command.send],
    [`${path}.until`, command.until],
    ...(command.keep ?? []).map((text, at): [string, string] => [`${path}.keep.${at}`, text]),
    ...(command.accept ?? []).map((text, at): [string, string] => [`${path}.accept.${at}`, text]),
    ...Object.entries(command.expect ?? {}).map(([name, text]): [string, string] => [`${path}.expect.${name}`, text]),
  ];
}

function flawInSteps(profile: ConsoleProfile): Flaw | undefined {
  const { steps, line, until } = profile;
  const usesPrompt = [until, ...commandsOf(profile).map(({ command }) => command.until)].includes('prompt');
  if (usesPrompt && line.prompt === undefined) return { path: 'line.prompt', reason: 'an answer ends with it' };
  for (const step of ['connect', 'identify'] as const) {
    if (steps[step] === undefined) return { path: `steps.${step}`, reason: 'every unit needs it' };
  }
  const pairs = [
    ['writeCertificates', 'readCertificates'],
    ['writeSettings', 'readSettings'],
  ] as const;
  for (const [write, read] of pairs) {
    if (steps[write] !== undefined && steps[read] === undefined) {
      return { path: `steps.${read}`, reason: `what ${write} writes must be read back or compared` };
    }
  }
  if (profile.attestations.length > 0 && (steps.createCsr === undefined || steps.writeCertificates === undefined)) {
    return { path: 'attestations', reason: 'x509 needs the steps createCsr and writeCertificates' };
  }
  return undefined;
}

/** Every name that is used has a value where it is used. */
function flawInNames(profile: ConsoleProfile): Flaw | undefined {
  const known = [...everywhere, ...Object.keys(profile.values ?? {})];
  for (const step of stepNames) {
    const names = new Set([...known, ...(givenIn[step] ?? [])]);
    for (const [at, command] of (profile.steps[step] ?? []).entries()) {
      const reason = flawInCommand(command, names);
      if (reason !== undefined) return { path: `steps.${step}.${at}`, reason };
      for (const name of keptBy(command)) names.add(name);
    }
  }
  return flawInKept(profile, known);
}

function flawInCommand(command: ConsoleCommand, names: ReadonlySet<string>): string | undefined {
  const { send, expect = {}, when } = command;
  const used = [send, ...Object.values(expect)].flatMap(namesOf);
  const missing = [...used, ...(when === undefined ? [] : [when])].find((name) => !names.has(name));
  if (missing !== undefined) return `{${missing}} has no value here`;
  const kept = keptBy(command);
  const unkept = Object.keys(expect).find((name) => !kept.includes(name));
  return unkept === undefined ? undefined : `{${unkept}} is expected, and not kept by this command`;
}

/** What the station needs of a step is kept by one of its commands. */
function flawInKept(profile: ConsoleProfile, known: readonly string[]): Flaw | undefined {
  const { identity, steps } = profile;
  const identified = [...known, ...(steps.identify ?? []).flatMap(keptBy)];
  const { model, firmware, serialNumber = '' } = identity;
  const missing = [model, firmware, serialNumber].flatMap(namesOf).find((name) => !identified.includes(name));
  if (missing !== undefined) return { path: 'identity', reason: `{${missing}} is not kept by the step identify` };
  const hasCsr = steps.createCsr === undefined || steps.createCsr.flatMap(keptBy).includes('csr');
  return hasCsr ? undefined : { path: 'steps.createCsr', reason: 'a command must keep {csr}' };
}

function namesOf(source: string): readonly string[] {
  return namesIn(parseTemplate(source) ?? []);
}

function keptBy(command: ConsoleCommand): readonly string[] {
  const block = command.keepBlock === undefined ? [] : [command.keepBlock.name];
  const lines = [...(command.keep ?? []), command.until ?? ''];
  return [...lines.flatMap((text) => namesIn(parseTemplate(text) ?? [])), ...block];
}

function commandsOf(profile: ConsoleProfile): readonly { readonly path: string; readonly command: ConsoleCommand }[] {
  const inSteps = stepNames.flatMap((step) =>
    (profile.steps[step] ?? []).map((command, at) => ({ path: `steps.${step}.${at}`, command })),
  );
  const { slots } = profile;
  if (slots === undefined) return inSteps;
  const dropping = slots.drop.map((command, at) => ({ path: `slots.drop.${at}`, command }));
  return [...inSteps, { path: 'slots.list', command: slots.list }, ...dropping];
}
