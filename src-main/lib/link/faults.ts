/** All that can go wrong on the bench link, in the words of the hall. */
import { faultMaker } from '../base/fault.ts';

const linkFaultTable = {
  'link-silent': {
    say: 'The unit does not answer.',
    hint: 'Check that it is powered and that its cable sits firmly, then start again.',
  },
  'link-lost': {
    say: 'The connection to the unit broke off.',
    hint: 'Plug the unit in and scan it again: the station goes on where it was.',
  },
  'link-garbled': {
    say: 'What arrives from the unit is damaged.',
    hint: 'Check cable, ground and baud rate of this slot.',
  },
  'link-refused': {
    say: 'The unit refused a request (group {group}, code {rc}).',
    hint: 'Check that the firmware is the one this batch expects.',
  },
  'link-unsupported': {
    say: 'The unit does not know this request.',
    hint: 'Check that the firmware is the one this batch expects.',
  },
  'link-buffer-too-small': {
    say: 'The unit can only take {bufferBytes} bytes at a time; {leastBytes} are needed.',
    hint: 'The firmware needs a larger MCUmgr buffer.',
  },
  'link-unreadable': {
    say: 'The unit answered something that cannot be understood.',
    hint: 'Check that the firmware is the one this batch expects.',
  },
  'link-interrupted': {
    say: 'The unit restarted in the middle of a TPM command.',
    hint: 'Start the run again; nothing was written.',
  },
  'link-slow': {
    say: 'The unit is still not done after {seconds} s.',
    hint: 'Power-cycle the unit and start again; if it stays so, set it aside.',
  },
  'link-write-differs': {
    say: 'The unit does not hold what was written to it.',
    hint: 'Start the run again; if it stays so, set the unit aside: its memory may be faulty.',
  },
  'link-id-reused': {
    say: 'A request was repeated with other contents.',
    hint: 'Start the run again and report this: it is an error in the station.',
  },
  'link-busy': {
    say: 'Too many requests wait for this unit.',
    hint: 'Wait a moment and try again.',
  },
  'link-cancelled': {
    say: 'The exchange with the unit was cancelled.',
    hint: 'Start again when ready.',
  },
  'link-too-long': {
    say: 'What should be sent to the unit is too long ({bytes} bytes).',
    hint: 'Use a shorter certificate chain.',
  },
  'device-refused': {
    say: 'The unit says: {message}',
    hint: 'Look the message up in the firmware notes; start again after mending the cause.',
  },
} as const;

export const linkFault = faultMaker(linkFaultTable);
