/** What the service refuses, in its own words; the wires map the codes (http/wire-error.ts). */
import { faultMaker, type Fault } from '../../lib/base/fault.ts';

export const serviceFault = faultMaker({
  unauthorized: { say: '{reason}', hint: 'Check the credential, the enrollment and the clock.' },
  'not-allowed': { say: 'The policy does not grant {right}.', hint: 'Use a policy that grants it.' },
  invalid: { say: '{reason}', hint: 'Correct what is named and send it again.' },
  'not-found': { say: '{what} is not known.', hint: 'Check the name.' },
  exists: { say: '{what} already exists.', hint: 'Read it, compare, and update it if it shall change.' },
  'etag-mismatch': { say: '{what} was changed meanwhile.', hint: 'Read it again and repeat the change.' },
  'custom-without-definition': {
    say: 'The custom allocation policy needs a customAllocationDefinition.',
    hint: 'Add the definition or choose another policy.',
  },
  'hub-refused': { say: 'The hub {hub} cannot be linked: {reason}', hint: 'Check its connection string.' },
  'in-use': { say: '{what} is still named by {enrollments}.', hint: 'Change or remove them first.' },
  'signer-unusable': {
    say: 'The signer of the enrollment cannot issue: {reason}',
    hint: 'Set another signer for it: benchline service signer set.',
  },
  'signer-file-broken': {
    say: 'The signer in {file} cannot be read.',
    hint: 'Bring it back from a backup, or remove it and set the signer again.',
  },
  throttled: {
    say: 'Too many wrong credentials came from here.',
    hint: 'Correct the credential and try again after {retryAfterS} seconds.',
  },
  'store-failed': { say: 'The service cannot keep its records: {reason}', hint: 'Look at the disk of the service.' },
});

export type ServiceFault = ReturnType<typeof serviceFault>;
export type ServiceFaultCode = ServiceFault['code'];

/** The numbers a failed registration carries (dps-wire 1.9). */
export const registrationErrors = {
  noHub: { code: 400_208, message: 'No IoT hub could be selected for the device.' },
  hubUnauthorized: {
    code: 400_209,
    message: 'The hub refused the service. ErrorCode:IotHubUnauthorizedAccess',
  },
  hubRefused: { code: 400_210, message: 'The hub refused the device' },
  enrollmentGone: {
    code: 401_002,
    message: 'The enrollment was disabled, removed or given another credential meanwhile.',
  },
  registrationGone: { code: 404_201, message: 'The registration was removed meanwhile.' },
  deviceIdTaken: { code: 409_201, message: 'The device id belongs to another registration.' },
  hubAway: { code: 503_201, message: 'The hub could not be reached in time.' },
} as const;

/** Any fault of a library as one of ours, for a caller who sent something unusable. */
export function invalidBecause(fault: Fault): ServiceFault {
  return serviceFault('invalid', { reason: `${fault.say} (${fault.code})` });
}
