import { faultMaker } from '../lib/base/fault.ts';

export const stationFault = faultMaker({
  'data-folder-in-use': {
    say: 'Another station already works on this data folder.',
    hint: 'Close it, or start with another --data folder.',
  },
  'trusted-roots-missing': {
    say: 'The file of trusted certificates {file} cannot be read.',
    hint: 'Give a PEM file with --ca.',
  },
  'swtpm-missing': {
    say: 'swtpm was asked for, but it is not installed.',
    hint: 'Install the package swtpm, or start with --tpm software.',
  },
  'profile-broken': {
    say: 'The certificate profile {file} cannot be used.',
    hint: 'Restore it from the installation.',
  },
});
