/** What can be wrong with a slot's port before a run, in the words of the hall. */
import { faultMaker } from '../../lib/base/fault.ts';

export const adapterFault = faultMaker({
  'port-unbound': { say: 'Slot {slot} has no port yet.', hint: 'Bind it: let it learn its adapter, or choose one.' },
  'port-not-plugged': {
    say: 'The adapter of slot {slot} is not plugged in ({address}).',
    hint: 'Plug it into the USB socket it was bound at, or bind the slot again.',
  },
  'address-malformed': {
    say: '{address} is no address of a port.',
    hint: 'Give usb:1-2.3:1.0, serial:/dev/ttyS0 or tcp:HOST:PORT.',
  },
  'address-taken': {
    say: '{address} belongs to slot {other}.',
    hint: 'Unbind slot {other} first, or choose another adapter.',
  },
  'slot-virtual': {
    say: 'Slot {slot} has a virtual unit.',
    hint: 'Start the station with fewer virtual units, or choose another slot.',
  },
  'slot-at-work': { say: 'Slot {slot} has a unit in work.', hint: 'Wait for its verdict, then bind the slot.' },
  'remedy-unknown': { say: 'There is no remedy {remedy}.', hint: 'Check the slot again, and take what is proposed.' },
  'check-stopped': { say: 'The check of slot {slot} was stopped.', hint: 'Check the slot again when ready.' },
  'slots-in-use': {
    say: 'Slot {slot} is in use.',
    hint: 'Unbind the slots that are to go, or start with fewer virtual units.',
  },
  'learning-elsewhere': {
    say: 'Slot {other} is waiting for its adapter.',
    hint: 'Plug that one in, or stop it, then let this slot learn.',
  },
  'learning-late': {
    say: 'No adapter was plugged in within {seconds} seconds.',
    hint: 'Let the slot learn again, and plug its adapter in then; one that is in already is pulled first.',
  },
  'learning-several': {
    say: 'Several adapters appeared at once: {names}.',
    hint: 'Let the slot learn again, and plug in only the adapter that is to be its own.',
  },
  'learning-channels': {
    say: '{name} has several channels: {addresses}.',
    hint: 'Choose the channel of this slot from the list of adapters.',
  },
  'learning-bound': {
    say: '{name} belongs to slot {other} already.',
    hint: 'Plug in the adapter of this slot, or unbind slot {other} first.',
  },
});
