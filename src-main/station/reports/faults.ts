/** What can keep a report from being written. */
import { faultMaker } from '../../lib/base/fault.ts';

export const reportFault = faultMaker({
  'report-not-written': {
    say: 'The report {file} could not be written: {reason}.',
    hint: 'Check that the folder exists, has space, and that this user may write to it.',
  },
});
