/** What can go wrong with a listener or with an address of its own. */
import { faultMaker, type Fault } from '../base/fault.ts';

export const listenFault = faultMaker({
  'port-taken': {
    say: 'Another program already listens on {host}:{port}.',
    hint: 'Stop that program or choose another port.',
  },
  'port-forbidden': {
    say: 'This user may not listen on port {port}.',
    hint: 'Allow it once with: sudo sysctl net.ipv4.ip_unprivileged_port_start=443',
  },
  'address-not-here': { say: 'The address {host} is not one of this machine.', hint: 'Choose one of its addresses.' },
  'cannot-listen': { say: 'Cannot listen on {host}:{port}: {reason}.', hint: 'Check the address and the port.' },
  'loopback-exhausted': {
    say: 'No free block of loopback addresses was found.',
    hint: 'Stop other runs of this program on this machine.',
  },
});

const codes: ReadonlyMap<string, 'port-taken' | 'port-forbidden' | 'address-not-here'> = new Map([
  ['EADDRINUSE', 'port-taken'],
  ['EACCES', 'port-forbidden'],
  ['EADDRNOTAVAIL', 'address-not-here'],
]);

export function faultOfListen(error: Error, where: { readonly host: string; readonly port: number }): Fault {
  const code = 'code' in error && typeof error.code === 'string' ? codes.get(error.code) : undefined;
  return listenFault(code ?? 'cannot-listen', { ...where, reason: error.message });
}
