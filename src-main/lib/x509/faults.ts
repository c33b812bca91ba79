/** Everything that can be wrong with a key, a request or a certificate, in one table. */
import { faultMaker } from '../base/fault.ts';

const askMaker = 'Ask whoever made the certificate for a new one.';

export const x509Fault = faultMaker({
  'certificate-malformed': {
    say: 'This is not a readable X.509 certificate.',
    hint: 'Choose a certificate in PEM or DER form.',
  },
  'certificate-too-large': {
    say: 'The certificate is larger than {limitBytes} bytes.',
    hint: 'Choose a file that holds one certificate.',
  },
  'key-malformed': { say: 'This is not a readable private key.', hint: 'Choose an unencrypted PKCS#8 key.' },
  'key-refused': {
    say: 'A key of kind {kind} is too weak or not known here.',
    hint: 'Use RSA with 2048 bits or more, or P-256, P-384 or P-521.',
  },
  'hash-refused': {
    say: 'The signature algorithm {algorithm} is too weak or not known here.',
    hint: 'Sign with SHA-256 or stronger.',
  },
  'sign-failed': { say: 'The signing key did not give a signature.', hint: 'Check the signer and try again.' },
  'csr-malformed': {
    say: 'The unit sent a certificate request that cannot be read.',
    hint: 'Try the unit again; if it stays so, its firmware is at fault.',
  },
  'csr-signature-wrong': {
    say: 'The certificate request is not signed by the key it names.',
    hint: 'Try the unit again; if it stays so, set it aside.',
  },
  'csr-name-missing': {
    say: 'The certificate request does not hold exactly one common name.',
    hint: 'Check the firmware of the unit.',
  },
  'csr-name-mismatch': {
    say: 'The certificate request is for {found}, not for {expected}.',
    hint: 'Check that the unit in the slot is the one that was scanned.',
  },
  'csr-key-refused': {
    say: 'The unit made a key of kind {kind}, which is not allowed here.',
    hint: 'Check the key kind in the batch and in the firmware.',
  },
  'name-refused': {
    say: 'A common name must have 1 to 64 characters.',
    hint: 'Choose a shorter name (X.520 allows 64 characters).',
  },
  'profile-malformed': { say: 'The certificate profile is not valid: {where}.', hint: 'Correct the profile file.' },
  'issuer-not-authority': {
    say: 'The certificate {name} is not one of a certificate authority.',
    hint: 'Choose a CA certificate as the signer.',
  },
  'issuer-out-of-date': {
    say: 'The issuer {name} is not valid at this time.',
    hint: 'Check the clock of this PC, then renew the issuer.',
  },
  'issuer-key-mismatch': {
    say: 'The key does not belong to the issuer certificate {name}.',
    hint: 'Choose the key and the certificate that belong together.',
  },
  'issuer-path-length': {
    say: 'The issuer {name} may not issue to a further authority.',
    hint: 'Use an issuer with a larger path length.',
  },
  'chain-too-many': { say: 'More than {limit} certificates were presented.', hint: 'Present the chain alone.' },
  'chain-too-deep': { say: 'The chain is longer than {limit} certificates.', hint: 'Use a shorter chain.' },
  'chain-incomplete': {
    say: 'No trusted or presented certificate is the issuer {issuer} of {name}.',
    hint: 'Add the missing intermediate certificate, or trust its root.',
  },
  'chain-loop': { say: 'The certificates name each other in a circle.', hint: askMaker },
  'chain-signature-wrong': { say: 'The signature on {name} is not by its issuer.', hint: askMaker },
  'chain-expired': { say: 'The certificate {name} expired at {at}.', hint: 'Renew the certificate.' },
  'chain-not-yet-valid': {
    say: 'The certificate {name} is valid from {at} only.',
    hint: 'Check the clock of this PC.',
  },
  'chain-issuer-not-authority': {
    say: 'The certificate {name} issued another one but is no certificate authority.',
    hint: askMaker,
  },
  'chain-key-usage': { say: 'The certificate {name} may not sign certificates.', hint: askMaker },
  'chain-path-length': { say: 'More authorities follow {name} than its path length allows.', hint: askMaker },
  'chain-critical-extension': {
    say: 'The certificate {name} has a critical extension {extension} that is not known here.',
    hint: askMaker,
  },
  'chain-leaf-is-authority': {
    say: 'The certificate {name} is one of an authority, not of a device.',
    hint: 'Present the device certificate.',
  },
  'chain-leaf-purpose': { say: 'The certificate {name} is not made for client authentication.', hint: askMaker },
  'ek-certificate-missing': {
    say: 'The TPM has no endorsement key certificate.',
    hint: 'Set the unit aside, or change the EK policy of the batch.',
  },
  'ek-certificate-mismatch': {
    say: 'The endorsement key certificate is not about the key of this TPM.',
    hint: 'Set the unit aside: its TPM may have been exchanged.',
  },
  'ek-certificate-untrusted': {
    say: 'The endorsement key certificate does not lead to a trusted root: {why}',
    hint: 'Add the root of the TPM vendor, or set the unit aside.',
  },
});
