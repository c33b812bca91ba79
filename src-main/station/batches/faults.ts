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
  'golden-due': {
    say: 'This shift has not checked the bench with a {kind} sample yet.',
    hint: 'Plug in and scan a {kind} sample first: {names}.',
  },
  'golden-none': {
    say: 'The batch asks for a {kind} sample, and this station knows none.',
    hint: 'Let a supervisor add a {kind} golden sample by its name and serial number.',
  },
  'golden-is-no-unit': {
    say: '{serialNumber} is the golden sample {name}, and no unit.',
    hint: 'Scan it on the bench to check the bench; it is never enrolled.',
  },
  'golden-is-unit': {
    say: '{serialNumber} is a unit of this station already.',
    hint: 'Choose a device that is no unit of any batch.',
  },
  'golden-name-taken': { say: 'There is a golden sample {name} already.', hint: 'Give it another name.' },
  'golden-too-many': { say: 'This station has its {limit} golden samples.', hint: 'Remove one that is not used.' },
  'golden-unknown': { say: '{serialNumber} is no golden sample.', hint: 'Look at the list of golden samples.' },
  'unit-reworked': {
    say: '{by} opened unit {serialNumber} for rework: {reason}.',
    hint: 'Scan the unit to do it again.',
  },
  'identity-taken': {
    say: 'The {kind} of this unit belongs to unit {serialNumber} of batch {batch} (state {state}).',
    hint: 'Take this unit out and give it to a supervisor: two units carry one identity.',
  },
});
