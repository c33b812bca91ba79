/** What can end a run on the bench's own account, and who is to blame for any fault. */
import { type Fault, faultMaker } from '../../lib/base/fault.ts';
import type { Verdict } from '../../contract/views.ts';

export const benchFaults = {
  'slot-unknown': { say: 'There is no slot {slot} on this bench.', hint: 'Choose a slot from 1 to {slots}.' },
  'slot-empty': { say: 'Nothing is plugged into slot {slot}.', hint: 'Plug the unit in, then scan it again.' },
  'slot-busy': {
    say: 'Slot {slot} is still working on {serialNumber}.',
    hint: 'Wait for its verdict, or put the unit into another slot.',
  },
  'adapter-lost': {
    say: 'The adapter of slot {slot} was unplugged during the run.',
    hint: 'Plug it in again, then scan the unit again.',
  },
  'slot-none-ready': { say: 'No slot is free for this unit.', hint: 'Wait for a verdict, or plug a unit in.' },
  'serial-in-work': {
    say: 'Unit {serialNumber} is already in work in slot {slot}.',
    hint: 'Check the label: two units must not carry the same serial number.',
  },
  'serial-malformed': {
    say: '{scanned} is not a serial number of batch {batch} ({pattern}).',
    hint: 'Scan the serial number label of the unit.',
  },
  'batch-none-open': { say: 'No batch is open.', hint: 'Let a supervisor open a batch.' },
  'run-aborted': { say: 'The run was stopped by hand.', hint: 'Scan the unit again to go on.' },
  'run-too-long': {
    say: 'The unit was not done after {limitSeconds} seconds.',
    hint: 'Plug it out and in, then scan it again.',
  },
  'station-restarted': {
    say: 'The station stopped during this run.',
    hint: 'Scan the unit again: the station goes on where it was.',
  },
  'target-unknown': {
    say: 'The station does not know its provisioning service yet.',
    hint: 'Wait until the service is reached, or look at the Service screen.',
  },
  'unit-unconfirmed': {
    say: 'The station could not go on with {serialNumber}: the unit in the slot does not say that it is this one.',
    hint: 'Scan the unit again.',
  },
  'unit-holds-other': {
    say: 'Unit {serialNumber} holds other {what} than this station wrote.',
    hint: 'Resume it in its slot to write it again, or set it aside.',
  },
  'lock-unsupported': {
    say: 'This unit cannot be locked, and the batch asks for it.',
    hint: 'Take it out: it does not belong to this batch.',
  },
  'unit-locked': {
    say: 'Unit {serialNumber} is locked: it takes nothing any more.',
    hint: 'Set it aside. A locked unit cannot be provisioned again.',
  },
  'serial-mismatch': {
    say: 'The unit says it is {found}, the label says {scanned}.',
    hint: 'Check that the unit in the slot is the one that was scanned.',
  },
  'attestation-unsupported': {
    say: 'This unit cannot prove itself as the batch asks ({wanted}).',
    hint: 'Take it out: it does not belong to this batch.',
  },
  'read-back-differs': {
    say: 'The unit holds other data than was written ({what}).',
    hint: 'Try again. If it happens twice, take the unit out.',
  },
  'signer-missing': { say: 'The batch has no signer.', hint: 'Let a supervisor open a batch with a signer.' },
  'signer-not-open': {
    say: 'The signer of the batch ({signerId}) is not open at this station.',
    hint: 'Let a supervisor open the signer file on this station, then scan the unit again.',
  },
  'run-broke': {
    say: 'The station could not finish this run because of a fault of its own.',
    hint: 'Scan the unit again. If it happens twice, call support.',
  },
} as const;

export const benchFault = faultMaker(benchFaults);

/** Faults that are the unit's own. Everything else is ours or nobody's, and the unit may be tried again as it is. */
const unitFaults: ReadonlySet<string> = new Set([
  'serial-mismatch',
  'attestation-unsupported',
  'lock-unsupported',
  'unit-locked',
  'read-back-differs',
  'link-write-differs',
  'console-write-differs',
  'console-unit-refused',
  'identity-taken',
  'tpm-possession-unproven',
  'tpm-key-unsupported',
]);

// Not `chain-`: the chain is issued by our own signer, and checked before it is written; what a unit then keeps of it is
// compared byte by byte.
const unitFaultFamilies = ['csr-', 'ek-certificate-'];

export function verdictOf(fault: Fault): Exclude<Verdict, 'pass'> {
  const isUnits = unitFaults.has(fault.code) || unitFaultFamilies.some((family) => fault.code.startsWith(family));
  return isUnits ? 'fail' : 'error';
}
