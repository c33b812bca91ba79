/** What can be wrong with a request to the store, or with the store itself. */
import { faultMaker } from '../../lib/base/fault.ts';

export const storeFault = faultMaker({
  'run-unknown': { say: 'There is no run {runId}.', hint: 'Scan the unit again.' },
  'run-ended': {
    say: 'This run has its verdict already ({verdict}).',
    hint: 'Scan the unit again if it needs another run.',
  },
  'run-superseded': {
    say: 'Another run of this unit began before this one had a verdict.',
    hint: 'Look at the newer run of the unit.',
  },
  'identity-unclaimed': {
    say: 'The registration id {registrationId} was never claimed for this unit.',
    hint: 'Scan the unit again. If it happens twice, call support.',
  },
  'unit-unknown': { say: 'There is no unit {unitId}.', hint: 'Look at the list of units.' },
  'unit-in-work': {
    say: 'Unit {serialNumber} is in work at the moment.',
    hint: 'Wait for its verdict, or stop its run first.',
  },
  'unit-not-passed': {
    say: 'Unit {serialNumber} has not passed: there is nothing to do again.',
    hint: 'Scan it: it goes on where it was.',
  },
  'recovery-unknown': {
    say: 'Unit {serialNumber} is not among the interrupted units.',
    hint: 'Look at the list of interrupted units again.',
  },
  'outbox-unknown': { say: 'There is no outbox entry {entryId}.', hint: 'Look at the outbox again.' },
  'outbox-not-parked': {
    say: 'The entry {key} is {state}, not parked.',
    hint: 'Nothing needs to be done: only parked entries wait for a person.',
  },
  'cursor-malformed': { say: 'The list cannot go on from there.', hint: 'Open the list again.' },
  'batch-repeated': { say: 'A batch with the number {batchId} is open already.', hint: 'Look at the list of batches.' },
  'chain-broken': {
    say: 'The audit chain is broken at event {seq}: {reason}.',
    hint: 'Keep the data folder as it is and call support: records were changed outside of the station.',
  },
  'store-other-format': {
    say: 'The data file {file} has format {found}; this version reads format {known}.',
    hint: 'Start the station of this version once on the data folder, then ask again.',
  },
  'store-busy': {
    say: 'The station has more to write than its disk keeps up with.',
    hint: 'Wait a moment and try again. If it lasts, check the disk.',
  },
  'store-restarted': {
    say: 'The store of the station stopped and was started again.',
    hint: 'Try again: everything that was shown as done is kept.',
  },
  'store-stopped': {
    say: 'The store of the station cannot be started: {reason}.',
    hint: 'Start the station again. If it happens twice, check the disk and call support.',
  },
});
