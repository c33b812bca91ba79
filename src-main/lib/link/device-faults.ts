/** What the device's end itself may say no to; it travels to the station as code and sentence. */
import { faultMaker } from '../base/fault.ts';

const deviceFaultTable = {
  'unknown-algorithm': { say: 'this key algorithm is not known here', hint: 'Choose one that the device lists.' },
  'bad-subject': { say: 'the subject name is empty or too long', hint: 'Use at most 64 characters.' },
  'bad-chain': { say: 'the certificate chain cannot be read', hint: 'Send DER certificates, leaf first.' },
  'bad-settings': { say: 'the settings cannot be read', hint: 'Send all members of the settings.' },
  'nothing-held': { say: 'what was written is not there', hint: 'Write it again.' },
  'device-locked': { say: 'this unit is locked and takes nothing any more', hint: 'Set it aside.' },
  'holds-other': {
    say: 'what the unit holds is not what was verified',
    hint: 'Write it again, and read it back.',
  },
  unsupported: { say: 'this device cannot do that', hint: 'Ask it for what it can do.' },
  internal: { say: 'the device met an error of its own', hint: 'See the device log.' },
} as const;

export const faultOfDevice = faultMaker(deviceFaultTable);
