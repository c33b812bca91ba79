import { faultMaker } from '../lib/base/fault.ts';

export const shellFault = faultMaker({
  'call-refused': {
    say: 'The window asked for something the station does not offer.',
    hint: 'Close Benchline and open it again; update all its parts together.',
  },
  'call-too-large': {
    say: 'What was sent is larger than the station takes ({bytes} bytes).',
    hint: 'Choose a smaller file or a shorter text.',
  },
  'calls-piled-up': {
    say: 'The station has not answered the last {waiting} questions.',
    hint: 'Wait until it answers; close Benchline and open it again when it does not.',
  },
  'station-down': {
    say: 'The station program is not running at the moment.',
    hint: 'Wait some seconds: it is started again by itself.',
  },
  'station-lost': {
    say: 'The station program ended while it was at work.',
    hint: 'Wait until it is back, look at the slot, then try again.',
  },
});
