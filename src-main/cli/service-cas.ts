/** `benchline service ca`: the CA certificates that groups and enrollments name (dps-wire 5.4). */
import { failed, ok, type Result } from '../lib/base/result.ts';
import type { CaCertificateView } from '../lib/dps/control-client.ts';
import { certificatesToPem } from '../lib/x509/pem.ts';
import { table, type CallAnswer, type CallRequest, type ServiceCall } from './service-call.ts';
import { certificateIn } from './service-enroll.ts';
import { cliFault } from './verb.ts';

export const caCall: ServiceCall = {
  usage:
    'ca list | add NAME --certificate FILE [--verified] | code NAME | verify NAME --certificate FILE | remove NAME',
  actions: {
    list: { run: list },
    add: { words: 1, options: ['certificate'], flags: ['verified'], run: add },
    code: { words: 1, run: code },
    verify: { words: 1, options: ['certificate'], run: verify },
    remove: { words: 1, run: remove },
  },
};

async function list({ target }: CallRequest): Promise<Result<CallAnswer>> {
  const all = await target.control.caCertificates();
  if (!all.ok) return all;
  const rows = all.value.map((ca) => [ca.name, stateOf(ca), ca.subject, `until ${ca.notAfterUtc.slice(0, 10)}`]);
  return ok({ json: all.value, lines: table(rows, 'There is no CA certificate.') });
}

async function add(request: CallRequest): Promise<Result<CallAnswer>> {
  const named = await nameAndCertificate(request);
  if (!named.ok) return named;
  const { name, certificate } = named.value;
  const isVerified = request.flags.has('verified');
  const added = await request.target.control.addCaCertificate(name, { certificate, isVerified });
  return added.ok ? ok({ json: added.value, lines: [`${added.value.name} is kept, ${stateOf(added.value)}.`] }) : added;
}

async function code({ words, target, warn }: CallRequest): Promise<Result<CallAnswer>> {
  const name = nameIn(words);
  const made = name.ok ? await target.control.verificationCode(name.value) : name;
  if (!made.ok) return made;
  const { verificationCode } = made.value;
  // beside the answer, so that a script finds the code alone
  warn('Sign a certificate with exactly this common name by the key of the CA, then verify.');
  return ok({ json: made.value, lines: [verificationCode] });
}

async function verify(request: CallRequest): Promise<Result<CallAnswer>> {
  const named = await nameAndCertificate(request);
  if (!named.ok) return named;
  const { name, certificate } = named.value;
  const verified = await request.target.control.verifyCaCertificate(name, certificate);
  return verified.ok ? ok({ json: verified.value, lines: [`${verified.value.name} is verified.`] }) : verified;
}

async function remove({ words, target }: CallRequest): Promise<Result<CallAnswer>> {
  const name = nameIn(words);
  const removed = name.ok ? await target.control.removeCaCertificate(name.value) : name;
  return removed.ok ? ok({ json: { name: words[0] }, lines: [`${String(words[0])} is removed.`] }) : removed;
}

function stateOf(ca: CaCertificateView): string {
  return ca.isVerified ? 'verified' : 'not verified';
}

function nameIn(words: readonly string[]): Result<string> {
  const [name] = words;
  return name === undefined
    ? failed(cliFault('option-missing', { option: 'The name of the CA certificate' }))
    : ok(name);
}

async function nameAndCertificate({
  words,
  values,
}: CallRequest): Promise<Result<{ readonly name: string; readonly certificate: string }>> {
  const name = nameIn(words);
  if (!name.ok) return name;
  if (values.certificate === undefined) return failed(cliFault('option-missing', { option: '--certificate' }));
  const certificate = await certificateIn(values.certificate);
  return certificate.ok
    ? ok({ name: name.value, certificate: certificatesToPem([certificate.value.der]) })
    : certificate;
}
