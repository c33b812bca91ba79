/** What a verb of the command line is, and what it may say. */
import type { Fault } from '../lib/base/fault.ts';
import { faultMaker } from '../lib/base/fault.ts';

export interface Output {
  /** For people, on standard output. */
  say(text: string): void;
  /** For people, on standard error. */
  warn(text: string): void;
  /** For programs: one JSON value on standard output. */
  json(value: unknown): void;
}

/** What a shell sees: done, failed, or asked wrongly. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface Verb {
  readonly name: string;
  /** One line in the list of verbs. */
  readonly summary: string;
  readonly usage: string;
  run(args: readonly string[], output: Output): Promise<number>;
}

export const cliFault = faultMaker({
  'verb-unknown': { say: 'There is no verb {verb}.', hint: 'See the list with: benchline --help' },
  'option-unknown': { say: '{reason}', hint: 'See how it is asked with --help.' },
  'option-missing': { say: '{option} is missing.', hint: 'See how it is asked with --help.' },
  'option-clash': { say: '{options} contradict each other.', hint: 'Give one of them.' },
  'option-wrong': { say: '{option} cannot be {value}.', hint: 'It must be {wanted}.' },
  'service-not-running': {
    say: 'No running service was found in {file}.',
    hint: 'Start it with: benchline service --data DIR; or name it by --ready-file or --connection-string.',
  },
  'file-unreadable': { say: 'The file {file} cannot be read: {reason}.', hint: 'Check its name and its rights.' },
  'file-unwritable': {
    say: 'The file {file} cannot be written: {reason}.',
    hint: 'Name a file in a folder that is there and that this user may write to.',
  },
  'certificate-unreadable': {
    say: 'The file {file} holds no certificate.',
    hint: 'Give a certificate in PEM (.pem) or DER (.cer).',
  },
  'ek-unreadable': {
    say: 'That is no endorsement key: {reason}.',
    hint: 'Give base64 of the TPM2B_PUBLIC, or a file that holds it (tpm2_createek -u, or base64 text).',
  },
  'enrollment-exists': {
    say: '{id} is enrolled already.',
    hint: 'Choose another name, or take it away first: benchline service unenroll {option} {id}.',
  },
  'key-encrypted': {
    say: 'The key in {file} is encrypted, and no passphrase was given.',
    hint: 'Give the file that holds its passphrase by --passphrase-file FILE.',
  },
  'passphrase-wrong': {
    say: 'The passphrase in {passphraseFile} does not open the key in {file}.',
    hint: 'Write the right one into the first line of the file given by --passphrase-file.',
  },
  'hub-answered': {
    say: '{peer} answered {status}: {message}.',
    hint: 'Look at the device, and at the fault that may be set: hub-call GET /benchline/v1/fault.',
  },
  'no-symmetric-key': {
    say: '{id} does not attest by a symmetric key.',
    hint: 'Enroll it with --symmetric-key; a device of a group is asked for with --group ID.',
  },
  'data-folder-unusable': {
    say: 'The folder {folder} cannot be used: {reason}.',
    hint: 'Name a folder that is there, and that this user may read and write.',
  },
  'no-station-worked': {
    say: 'No station has worked in the folder {folder}.',
    hint: 'Name the data folder that a station was started with.',
  },
  'data-folder-in-use': {
    say: 'Another service already works on the folder {folder}.',
    hint: 'Stop it, or start with another --data folder.',
  },
  'address-taken': {
    say: 'Another program holds {address}, which this data folder has used before.',
    hint: 'Stop that program; the devices know the service by this address.',
  },
  'address-not-here': {
    say: '{address} is not an address of this machine.',
    hint: 'Name one of its addresses by --listen, and by --hub-listen for the hubs.',
  },
  'no-free-ports': {
    say: 'No three free ports were found on {address}.',
    hint: 'Name them by --https, --mqtts and --amqps.',
  },
});

/** Says a fault to a person, or to a program, and gives the exit code. */
export function failWith(fault: Fault, output: Output, asJson = false): ExitCode {
  if (asJson) output.json({ ok: false, fault: { code: fault.code, say: fault.say, hint: fault.hint } });
  else output.warn(`${fault.say}\n${fault.hint}\n(${fault.code})`);
  return fault.code.startsWith('option-') || fault.code === 'verb-unknown' ? exitCodes.usage : exitCodes.failed;
}
