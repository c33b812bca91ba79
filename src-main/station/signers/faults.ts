/** What can be wrong with a signer. */
import { faultMaker } from '../../lib/base/fault.ts';

export const signerFault = faultMaker({
  'signer-file-malformed': {
    say: 'This is not a readable PKCS#12 file.',
    hint: 'Choose a .p12 or .pfx file.',
  },
  'signer-file-too-large': {
    say: 'The signer file is larger than {limitBytes} bytes.',
    hint: 'Choose a file that holds one key and its certificates.',
  },
  'signer-file-too-stretched': {
    say: 'Opening this signer file would take {iterations} iterations; {limit} are allowed.',
    hint: 'Export it again with at most 600,000 iterations.',
  },
  'signer-file-too-slow': {
    say: 'The signer file was not open after {limitSeconds} seconds.',
    hint: 'Export it again with fewer iterations.',
  },
  'signer-file-unreadable': {
    say: 'The file {file} cannot be read ({reason}).',
    hint: 'Check the path and the rights of the file.',
  },
  'signer-file-unsupported': {
    say: 'The signer file is protected in a way that is not known here.',
    hint: 'Export it again with AES-256 and a SHA-256 MAC.',
  },
  'signer-passphrase-wrong': { say: 'The passphrase does not open this file.', hint: 'Type the passphrase again.' },
  'signer-no-key': {
    say: 'The file holds no private key.',
    hint: 'Export the signer together with its private key.',
  },
  'signer-key-refused': {
    say: 'The key in the file is of a kind that is not used here.',
    hint: 'Use P-256, P-384 or RSA with 2048, 3072 or 4096 bits.',
  },
  'signer-no-certificate': {
    say: 'The file holds no certificate.',
    hint: 'Export the signer together with its certificate.',
  },
  'signer-key-mismatch': {
    say: 'No certificate in the file belongs to its key.',
    hint: 'Export the key with its own certificate.',
  },
  'signer-not-authority': {
    say: 'The certificate {name} is not one of a certificate authority.',
    hint: 'Choose the file of an intermediate CA.',
  },
  'signer-ambiguous': {
    say: 'The file holds {count} signers.',
    hint: 'Export one certificate authority into a file of its own.',
  },
  'signer-expired': { say: 'The signer {name} expired at {at}.', hint: 'Renew the signer and choose the new file.' },
  'signer-not-yet-valid': {
    say: 'The signer {name} is valid from {at} only.',
    hint: 'Check the clock of this PC.',
  },
  'signer-certificate-refused': {
    say: 'The certificate of the signer cannot be used: {why}',
    hint: 'Renew the signer.',
  },
  'signer-too-many': {
    say: '{limit} signers are open already.',
    hint: 'Start the station again, and open the signers that are in use.',
  },
  'signer-busy': {
    say: 'Other signer files are being opened.',
    hint: 'Wait a few seconds, then open this one again.',
  },
  'signer-folder-unusable': {
    say: 'The signer folder cannot be read or written ({reason}).',
    hint: 'Check the rights and the free space of the data folder.',
  },
});
