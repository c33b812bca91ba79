/** What can keep an enrollment from its service. */
import { faultMaker } from '../../lib/base/fault.ts';

export const syncFault = faultMaker({
  'enrollment-differs': {
    say: 'The service already holds another enrollment for {key} ({member} differs).',
    hint: 'Look at it in the service; delete or correct the wrong one, then send this one again.',
  },
  'enrollment-refused': {
    say: 'The service refuses {key}: {reason} (code {errorCode}).',
    hint: 'Correct what the reason names, then send it again.',
  },
  'enrollment-not-taken': {
    say: 'The service did not take {key} now: {reason}.',
    hint: 'Nothing needs to be done: it is sent again.',
  },
  'clock-off': {
    say: 'The clock of this station and that of the service are {seconds} s apart.',
    hint: 'Set the clock of the station (or of the service); sending goes on by itself.',
  },
  'sync-broke': {
    say: 'Sending stopped because of a fault of the station: {reason}.',
    hint: 'It goes on by itself. If it happens again, call support.',
  },
});
