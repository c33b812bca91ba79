import { faultMaker } from '../../lib/base/fault.ts';

export const unableFault = faultMaker({
  'unit-unable': {
    say: 'This kind of unit cannot {what}.',
    hint: 'Check the device profile of the batch.',
  },
});
