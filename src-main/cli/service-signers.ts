/** `benchline service signer`: who issues the operational certificates of a group or a device (dps-wire 1.3 `csr`). */
import { failed, ok, type Result } from '../lib/base/result.ts';
import type { SignerOwner, SignerView } from '../lib/dps/control-client.ts';
import { openedPrivateKey } from '../lib/x509/keys.ts';
import { certificatesFromPem, certificatesToPem } from '../lib/x509/pem.ts';
import { wholeNumber } from './options.ts';
import { table, type CallAnswer, type CallRequest, type ServiceCall } from './service-call.ts';
import { bytesOf } from './service-target.ts';
import { cliFault } from './verb.ts';

export const signerCall: ServiceCall = {
  usage:
    'signer list | set (--group ID | --registration-id ID) --certificate CHAIN.pem --key-file KEY.pem [--passphrase-file FILE] [--validity-days N] | remove (--group ID | --registration-id ID)',
  actions: {
    list: { run: list },
    set: {
      options: ['group', 'registration-id', 'certificate', 'key-file', 'passphrase-file', 'validity-days'],
      run: set,
    },
    remove: { options: ['group', 'registration-id'], run: remove },
  },
};

async function list({ target }: CallRequest): Promise<Result<CallAnswer>> {
  const all = await target.control.signers();
  if (!all.ok) return all;
  const rows = all.value.map((signer) => [signer.kind, signer.id, ...factsOf(signer)]);
  return ok({ json: all.value, lines: table(rows, 'No signer is set.') });
}

async function set({ values, target }: CallRequest): Promise<Result<CallAnswer>> {
  const owner = ownerIn(values);
  if (!owner.ok) return owner;
  const days = wholeNumber('validity-days', values['validity-days'], { from: 1, to: 7_305 });
  if (!days.ok) return days;
  const certificates = await textOf('--certificate', values.certificate);
  if (!certificates.ok) return certificates;
  const chain = certificatesFromPem(certificates.value);
  if (chain.length === 0) return failed(cliFault('certificate-unreadable', { file: values.certificate ?? '' }));
  const privateKey = await keyIn(values);
  if (!privateKey.ok) return privateKey;
  const validity = days.value === undefined ? {} : { validityDays: days.value };
  const signer = { certificates: certificatesToPem(chain), privateKey: privateKey.value, ...validity };
  const kept = await target.control.setSigner(owner.value, signer);
  if (!kept.ok) return kept;
  return ok({ json: kept.value, lines: [`${kept.value.id} is signed for by ${factsOf(kept.value).join(', ')}.`] });
}

async function remove({ values, target }: CallRequest): Promise<Result<CallAnswer>> {
  const owner = ownerIn(values);
  if (!owner.ok) return owner;
  const removed = await target.control.removeSigner(owner.value);
  if (!removed.ok) return removed;
  return ok({ json: owner.value, lines: [`${owner.value.id} has no signer any more.`] });
}

type Values = CallRequest['values'];

/** The one enrollment that is meant. */
export function ownerIn({ group, 'registration-id': registrationId }: Values): Result<SignerOwner> {
  if (group !== undefined && registrationId !== undefined) {
    return failed(cliFault('option-clash', { options: '--group and --registration-id' }));
  }
  if (group !== undefined) return ok({ kind: 'group', id: group });
  if (registrationId !== undefined) return ok({ kind: 'individual', id: registrationId });
  return failed(cliFault('option-missing', { option: '--group or --registration-id' }));
}

async function textOf(option: string, file: string | undefined): Promise<Result<string>> {
  if (file === undefined) return failed(cliFault('option-missing', { option }));
  const bytes = await bytesOf(file);
  return bytes.ok ? ok(Buffer.from(bytes.value).toString('utf8')) : bytes;
}

/** In PEM, encrypted or not; it leaves this machine only to the service, over TLS. */
async function keyIn(values: Values): Promise<Result<string>> {
  const text = await textOf('--key-file', values['key-file']);
  if (!text.ok) return text;
  const file = values['passphrase-file'];
  const passphrase = file === undefined ? ok(undefined) : await textOf('--passphrase-file', file);
  if (!passphrase.ok) return passphrase;
  // Editors and `echo` end the line; a blank at its end may be part of the passphrase.
  const opened = openedPrivateKey(text.value, passphrase.value?.split(/\r?\n/, 1)[0]);
  if (opened.ok || !text.value.includes('ENCRYPTED')) return opened;
  const keyFile = values['key-file'] ?? '';
  if (file === undefined) return failed(cliFault('key-encrypted', { file: keyFile }));
  return failed(cliFault('passphrase-wrong', { file: keyFile, passphraseFile: file }));
}

function factsOf({ subject, notAfterUtc, validityDays }: SignerView): readonly string[] {
  return [subject, `until ${notAfterUtc.slice(0, 10)}`, `${validityDays} days each`];
}
