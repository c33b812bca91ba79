import { faultMaker } from '../../lib/base/fault.ts';

export const deskFault = faultMaker({
  'call-malformed': {
    say: 'The station did not understand {name}: {reason}.',
    hint: 'Correct the entry and send it again.',
  },
  'station-broke': {
    say: 'The station could not answer because of a fault of its own.',
    hint: 'Try again. If it happens twice, call support.',
  },
  'unit-not-interrupted': {
    say: 'This unit is not among the interrupted units.',
    hint: 'Look at the list of interrupted units again.',
  },
  'target-starting': {
    say: 'The provisioning service is still starting.',
    hint: 'Wait a few seconds, then try again.',
  },
  'control-elsewhere': {
    say: 'This service is not controlled from here.',
    hint: "Change its hubs and policy in the service's own portal.",
  },
  'certificate-unreadable': {
    say: 'The file is not a certificate.',
    hint: 'Choose a .pem or .cer file with one X.509 certificate.',
  },
  'ek-unreadable': {
    say: 'This is not the endorsement key of a TPM.',
    hint: 'Paste the base64 text of the TPM2B_PUBLIC, 316 bytes for RSA-2048.',
  },
  'enrollment-key-missing': {
    say: 'An enrollment needs a registration id or a group id.',
    hint: 'Enter the id and try again.',
  },
});
