/** What a text console, or the profile that describes it, can have wrong. */
import { faultMaker } from '../../../lib/base/fault.ts';

export const consoleFault = faultMaker({
  'console-silent': { say: 'The unit does not answer ({step}).', hint: '{hint}' },
  'console-flood': {
    say: 'The unit sends more than any answer can have ({step}).',
    hint: 'Check the baud rate of this slot, and that the unit runs the firmware of its device profile.',
  },
  'console-lost': {
    say: 'The connection to the unit broke off.',
    hint: 'Plug the unit in and scan it again.',
  },
  'console-cancelled': { say: 'The work with the unit was cancelled.', hint: 'Start again when ready.' },
  'console-refused': { say: 'The unit says: {message} ({step}).', hint: '{hint}' },
  'console-unit-refused': { say: 'The unit says: {message} ({step}).', hint: '{hint}' },
  'console-unreadable': {
    say: 'The unit answered without {what} ({step}).',
    hint: 'Check that the unit runs the firmware that its device profile names.',
  },
  'console-write-differs': {
    say: 'The unit does not hold what was written to it ({step}).',
    hint: 'Start the run again; if it stays so, set the unit aside: its memory may be faulty.',
  },
  'console-slots-full': {
    say: 'Every place for a credential of this unit holds one.',
    hint: 'Set the unit aside: a supervisor decides which credential goes.',
  },
});
