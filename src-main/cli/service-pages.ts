/** `benchline service WORD --help`: what one word does, with what it takes. */
import type { CallAction, ServiceCall } from './service-call.ts';
import type { CallFlag, OwnOption } from './service-options.ts';

const optionTexts: Readonly<Record<OwnOption | CallFlag, string>> = {
  weight: '--weight N             how many devices it gets beside the others, 1 to 1000 (1)',
  'tpm-ek': "--tpm-ek FILE|BASE64   the TPM's endorsement key: its TPM2B_PUBLIC",
  certificate: '--certificate FILE     in PEM or DER',
  'registration-id': '--registration-id ID   the device that is meant',
  'device-id': '--device-id ID         what it is called at its hub (its registration id)',
  id: '--id ID                what the group is called',
  hub: '--hub HOST             the hub that is meant',
  allocation: '--allocation POLICY    hashed or static, instead of the policy of the service',
  'ca-name': '--ca-name NAME         a CA certificate that is kept (see: ca)',
  'secondary-ca-name': '--secondary-ca-name NAME  another one that is as good',
  group: '--group ID             the group that is meant',
  'key-file': "--key-file FILE        the signer's key in PEM",
  'passphrase-file': '--passphrase-file FILE its passphrase, in the first line',
  'validity-days': '--validity-days N      how long what it issues is valid',
  body: '--body JSON            what is sent along',
  'symmetric-key': '--symmetric-key        by keys, which the service makes',
  verified: '--verified             vouches for it, without the proof of its key',
};

const about: Readonly<Record<string, string>> = {
  'link-hub': 'Links an IoT hub, by its connection string, so that devices can be assigned to it.',
  'unlink-hub': 'Unlinks a hub. Its devices stay there.',
  policy: 'Says which hub a device gets, or sets it: hashed spreads them evenly, static follows each enrollment.',
  enroll: 'Enrolls one device by what it proves itself with.',
  'enroll-group': 'Enrolls a family of devices: below a CA certificate, or by keys that are derived from two.',
  unenroll: 'Takes an enrollment away. Its registrations stay; the device is let in no more.',
  disable: 'Keeps a device, or all of a group, out until it is enabled again. The enrollment stays as it is.',
  enable: 'Lets in again what was disabled.',
  'device-key': 'Prints the key that goes into a device.',
  ca: 'CA certificates by name. One that its owner has not proven is of no use yet: let its key sign what ca code prints.',
  signer: 'Who issues the operational certificates of a group or a device.',
  hubs: 'Lists the linked hubs.',
  'hub-call': 'Asks a virtual hub in its own words.',
  enrollments: 'Lists groups and devices that are enrolled.',
  registrations: 'Lists devices that have registered, where they live, and why one failed.',
};

const service = [
  'The service is named by one of',
  '  --data DIR             the folder it runs on',
  '  --ready-file FILE      what it wrote when it was ready',
  '  --connection-string-file FILE --ca FILE   its connection string, and what its certificate is trusted by',
];

export function pageOf(word: string, call: ServiceCall): string {
  const actions: readonly CallAction[] = 'actions' in call ? Object.values(call.actions) : [call];
  const options = new Set(actions.flatMap((action) => [...(action.options ?? []), ...(action.flags ?? [])]));
  const ofHub = actions.some((action) => 'ofHub' in action || action.takesHubString === true);
  return [
    `benchline service ${call.usage} [--json]`,
    '',
    about[word] ?? '',
    '',
    ...[...options].map((option) => `  ${optionTexts[option]}`),
    ...(ofHub ? ["  --connection-string-file FILE  the hub's connection string, or - for standard input"] : []),
    '  --json                 the answer as JSON, for programs',
    '',
    ...service.slice(0, ofHub ? 3 : 4),
  ].join('\n');
}
