/** Why a scan is not taken. */
import { faultMaker } from '../../lib/base/fault.ts';

export const scanFault = faultMaker({
  'scan-empty': { say: 'The scanner read nothing.', hint: 'Scan the label again.' },
  'scan-too-long': {
    say: 'The code has {length} characters; a station takes {limit}.',
    hint: 'Scan the serial number label of the unit, not another code on it.',
  },
  'scan-several': {
    say: '{count} codes were read at once.',
    hint: 'Cover the other codes and scan one alone.',
  },
  'scan-unreadable': {
    say: 'The code holds characters that no label has (at place {place}).',
    hint: 'Clean the label and scan it again. If it happens twice, print a new one.',
  },
  'scan-gs1-malformed': {
    say: 'The GS1 code cannot be read: {reason}.',
    hint: 'Scan it again. If it happens twice, the label is printed wrong: put the unit aside.',
  },
  'scan-without-serial': {
    say: 'The GS1 code holds no serial number (21).',
    hint: 'Scan the label of the unit itself, not the one of its box or type.',
  },
  'scan-slot-unknown': { say: '{scanned} is not a slot of a bench.', hint: 'Scan a slot label from 1 to 16.' },
  'scan-badge-unreadable': {
    say: 'The badge holds no name of 1 to 60 characters.',
    hint: 'Scan the badge again, or type your name at the top of the window.',
  },
  'scan-command-unknown': { say: '{scanned} is not a command.', hint: 'The commands are: {commands}.' },
  'scan-slot-wanted': {
    say: 'More than one slot could be meant.',
    hint: 'Scan the slot first, then {command} again.',
  },
  'scan-nothing-to-stop': { say: 'No run is at work there.', hint: 'Scan the slot whose run is to be stopped.' },
  'scan-nothing-to-retry': {
    say: 'There is no failed run to try again.',
    hint: 'Scan the serial number label of the unit.',
  },
});
