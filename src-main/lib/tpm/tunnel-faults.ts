/** All that can go wrong in the TPM tunnel, in the words of the hall. */
import { faultMaker } from '../base/fault.ts';

export const tunnelFault = faultMaker({
  'tunnel-silent': {
    say: 'The unit does not answer.',
    hint: 'Check that it is powered and that its cable sits firmly, then start again.',
  },
  'tunnel-garbled': {
    say: 'What arrives from the unit is damaged.',
    hint: 'Check cable, ground and baud rate of this slot.',
  },
  'tunnel-lost': {
    say: 'The connection to the unit broke off.',
    hint: 'Plug the unit in and scan it again: the station goes on where it was.',
  },
  'tunnel-answer-lost': {
    say: 'The answer of the TPM was lost, and the command must not be sent twice.',
    hint: 'Start the run again; nothing was written.',
  },
  'tunnel-no-tpm': {
    say: 'The unit says that its TPM gives no answer.',
    hint: 'Power the unit off and on; if it happens again, look at the connection of its TPM.',
  },
  'tunnel-size': {
    say: 'A TPM command has an impossible length ({bytes} bytes).',
    hint: 'Report this to support.',
  },
  'tunnel-cancelled': { say: 'The exchange with the unit was cancelled.', hint: 'Start again when ready.' },
});
