import { faultMaker } from '../base/fault.ts';

export const processFault = faultMaker({
  'program-ended': {
    say: 'The {program} program ended before it was ready (exit code {code}).{told}',
    hint: 'Read the last lines it printed above; start it alone to see more.',
  },
  'program-slow': {
    say: 'The {program} program was not ready after {seconds} seconds.',
    hint: 'Look whether the machine is overloaded, then start again.',
  },
  'program-stopped': {
    say: 'The {program} program was stopped before it was ready.',
    hint: 'Start again when it is wanted.',
  },
  'ready-file-unwritable': {
    say: 'The ready file {file} cannot be written ({cause}).',
    hint: 'Name a file by --ready-file in a folder that is there, that this user may write to, and that has room.',
  },
  'ready-file-garbled': {
    say: 'What the {program} program wrote when it was ready cannot be read.',
    hint: 'Update all parts of Benchline together.',
  },
});
