import { faultMaker } from '../lib/base/fault.ts';

export const stationFault = faultMaker({
  'data-folder-in-use': {
    say: 'Another station already works on this data folder.',
    hint: 'Close it, or start with another --data folder.',
  },
  'data-folder-unusable': {
    say: 'The folder {folder} cannot be used: {reason}.',
    hint: 'Name another folder with --data, or check the rights of this one.',
  },
  'trusted-roots-missing': {
    say: 'The file of trusted certificates {file} cannot be read.',
    hint: 'Give a PEM file with --ca.',
  },
  'ek-root-broken': {
    say: 'The TPM vendor certificate {file} cannot be used: {reason}.',
    hint: 'Take the file out of the folder, or fetch it again from the vendor.',
  },
  'ek-roots-unreadable': {
    say: 'The folder of TPM vendor certificates {folder} cannot be read ({reason}).',
    hint: 'Name a folder with --ek-roots that this user may read.',
  },
  'ek-roots-too-many': {
    say: 'The folder of TPM vendor certificates {folder} holds more than {limit}.',
    hint: 'Keep only the vendors whose TPMs are built in here.',
  },
  'swtpm-missing': {
    say: 'swtpm was asked for, but it is not installed.',
    hint: 'Install the package swtpm, or start with --tpm software.',
  },
  'bring-up-broke': {
    say: 'Something of the station did not come up ({reason}).',
    hint: 'Check the rights and the free space of the data folder, then start the station again.',
  },
  'station-stopping': { say: 'The station is stopping.', hint: 'Start it again, then try once more.' },
});
