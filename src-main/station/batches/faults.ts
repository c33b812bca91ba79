/** What can be wrong with a batch, or with a unit that is brought to it. */
import { faultMaker } from '../../lib/base/fault.ts';

export const batchFault = faultMaker({
  'serial-pattern-malformed': {
    say: 'The serial number pattern of the batch cannot be used: {reason}.',
    hint: 'Correct the pattern, for example [A-Z]{2}[0-9]{6}.',
  },
  'registration-id-malformed': {
    say: 'The registration id {registrationId} is not one that the service takes.',
    hint: 'Let a supervisor correct the registration id template of the batch.',
  },
  'device-id-malformed': {
    say: 'The device id {deviceId} is not one that a hub takes.',
    hint: 'Let a supervisor correct the device id template of the batch.',
  },
  'template-malformed': {
    say: 'The {which} template cannot be used: {reason}.',
    hint: 'Use {placeholders} and plain characters.',
  },
  'initial-twin-malformed': {
    say: 'The initial twin cannot be used: {reason}.',
    hint: 'Give a JSON object with "tags" and "properties": {"desired": ...}, or leave it empty.',
  },
  'batch-needs-signer': {
    say: 'A batch with X.509 units needs a signer.',
    hint: 'Choose a signer for the batch.',
  },
  'batch-unknown': { say: 'There is no batch {batchId}.', hint: 'Look at the list of batches.' },
  'batch-closed': { say: 'Batch {name} is closed.', hint: 'Let a supervisor select an open batch.' },
  'batch-full': {
    say: 'Batch {name} has its {quantity} units.',
    hint: 'Let a supervisor open another batch for this unit.',
  },
  'serial-in-other-batch': {
    say: 'Unit {serialNumber} belongs to batch {otherBatch} (first seen {firstSeen}, state {state}).',
    hint: 'Take it out and give it to a supervisor.',
  },
  'unit-already-passed': {
    say: 'Unit {serialNumber} passed already: {passedAt}, slot {slot}, {operator}.',
    hint: 'Take it out: there is nothing left to do. To do it again, let a supervisor open it for rework.',
  },
  'unit-reworked': {
    say: '{by} opened unit {serialNumber} for rework: {reason}.',
    hint: 'Scan the unit to do it again.',
  },
  'identity-taken': {
    say: 'The {kind} of this unit belongs to unit {serialNumber} of batch {batch} (state {state}).',
    hint: 'Take this unit out and give it to a supervisor: two units carry one identity.',
  },
});
