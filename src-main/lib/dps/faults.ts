/** What can go wrong between a client and a provisioning service or a hub. `{peer}` is who was called. */
import { faultMaker, type Fault } from '../base/fault.ts';

export const dpsFault = faultMaker({
  'peer-offline': {
    say: 'Cannot reach {peer}: {reason}.',
    hint: 'Check the network and that the address is right; the call was not sent.',
  },
  'peer-untrusted': {
    say: 'The certificate that {peer} showed is not trusted: {reason}.',
    hint: 'Check the address, the clock and the CA file given for it.',
  },
  'call-ambiguous': {
    say: 'The call to {peer} was sent, but no whole reply came back: {reason}.',
    hint: 'Read back what it holds before sending again.',
  },
  'call-cancelled': { say: 'The call to {peer} was stopped.', hint: 'Start it again when ready.' },
  'peer-throttled': { say: '{peer} asks to go slower.', hint: 'Wait {retryAfterMs} ms and go on.' },
  'peer-unavailable': {
    say: '{peer} answered that it cannot serve now (status {status}).',
    hint: 'Try again later; if it stays so, look at its log.',
  },
  'call-unauthorized': {
    say: '{peer} does not accept the credential: {message}.',
    hint: 'Check the connection string or the device credential, and the clock.',
  },
  'not-found': { say: '{peer} does not know it: {message}.', hint: 'Check the name.' },
  conflict: {
    say: '{peer} already holds something else there: {message}.',
    hint: 'Read what it holds, compare, and decide.',
  },
  'call-refused': {
    say: '{peer} refused: {message} (status {status}, code {errorCode}).',
    hint: 'Correct what the message names and send it again.',
  },
  'reply-unreadable': {
    say: 'What came back is not an answer of {peer}: {reason}.',
    hint: 'Check the address; a proxy or a sign-in page may have answered.',
  },
  'registration-failed': {
    say: 'The registration ended as {status}: {message}.',
    hint: 'Look at the enrollment and the linked hubs.',
  },
  'registration-timed-out': {
    say: 'The registration was not finished within {seconds} s.',
    hint: 'Look at the service; then start the device again.',
  },
  'challenge-missing': {
    say: 'The service did not send a TPM challenge: {message}.',
    hint: 'Check that the enrollment holds this TPM’s endorsement key.',
  },
  'connection-string-unreadable': {
    say: 'The connection string is not complete: {missing}.',
    hint: 'Copy it again, whole: HostName=...;SharedAccessKeyName=...;SharedAccessKey=...',
  },
  'sas-unreadable': { say: 'The token is not a shared access signature.', hint: 'Make a new token.' },
  'sas-expired': { say: 'The token has expired.', hint: 'Check the clock and make a new token.' },
  'sas-wrong': { say: 'The signature of the token is wrong.', hint: 'Check the key.' },
  'too-many-items': { say: 'One call takes at most {limit} items, not {count}.', hint: 'Send them in parts.' },
});

export type DpsFault = ReturnType<typeof dpsFault>;

/** Worth another try later without a person: the peer was not reached, asked to wait, or was not well. */
export function isTransient(fault: Fault): boolean {
  return ['peer-offline', 'peer-throttled', 'peer-unavailable', 'call-ambiguous'].includes(fault.code);
}

/** What the peer asked to wait, when it did. */
export function retryAfterMs(fault: Fault): number | undefined {
  const ms = fault.detail?.['retryAfterMs'];
  return typeof ms === 'number' ? ms : undefined;
}
