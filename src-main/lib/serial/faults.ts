/** All that can go wrong between us and a port, in the words of the hall. */
import { faultMaker } from '../base/fault.ts';

const serialFaultTable = {
  'port-missing': {
    say: 'There is no port {path}.',
    hint: 'Plug the adapter in, or choose another port for this slot.',
  },
  'port-denied': {
    say: 'This user may not open {path}.',
    hint: 'Add the user to the group that owns the port (often dialout) and sign in again.',
  },
  'port-busy': { say: 'The port {path} is in use.', hint: 'Close the other program that uses it.' },
  'port-failed': { say: 'The port {path} could not be opened.', hint: 'Unplug the adapter and plug it in again.' },
  'port-unplugged': { say: 'The cable or adapter was pulled.', hint: 'Plug it in and scan the unit again.' },
  'port-stuck': { say: 'The port takes no more bytes.', hint: 'Unplug the adapter and plug it in again.' },
  'port-closed': { say: 'The port is closed.', hint: 'Open it again.' },
  'port-host-died': {
    say: 'The helper process of this port ended.',
    hint: 'Start the run again; the helper comes back.',
  },
  'port-host-hung': {
    say: 'The driver of this port hangs; its helper process was ended.',
    hint: 'Unplug the adapter and plug it in again.',
  },
  'tcp-failed': {
    say: 'No connection to {host}:{port}.',
    hint: 'Check address, cable and power of the device server.',
  },
  'tcp-lost': { say: 'The network connection to the device broke off.', hint: 'Check the network, then start again.' },
  'pty-unavailable': {
    say: 'No pseudo-terminal could be made.',
    hint: 'Install socat, or use a TCP port for virtual units.',
  },
} as const;

export const serialFault = faultMaker(serialFaultTable);
