/** What the agent can say is wrong: on its command line, to the station over the link, and in its status. */
import { faultMaker } from '../lib/base/fault.ts';

export const agentFault = faultMaker({
  'agent-option-missing': { say: 'The agent needs --{option}.', hint: 'Give it: {example}.' },
  'agent-option-unknown': { say: '{reason}', hint: 'See: benchline agent --help' },
  'agent-option-wrong': { say: '--{option} cannot be {value}.', hint: 'It must be {wanted}.' },
  'agent-file-unreadable': { say: 'The file given by --{option} cannot be read ({reason}).', hint: 'Check its path.' },
  'agent-nothing-to-copy': {
    say: 'The TPM of the other unit cannot be copied ({reason}).',
    hint: 'Let the other unit run once, so that its TPM has its keys, then try again.',
  },
  'agent-port-unusable': { say: 'The port {port} cannot be used ({reason}).', hint: 'Choose another --port.' },
  'agent-state-unwritable': {
    say: 'The unit cannot keep what it was given ({reason}).',
    hint: 'Check space and rights of its state folder.',
  },
  'agent-state-damaged': {
    say: 'What the unit holds as its {what} is damaged.',
    hint: 'Write it again; if it stays so, replace the storage of the unit.',
  },
  'agent-no-key': { say: 'The unit has no key yet.', hint: 'Have it make one first.' },
  'agent-key-refused': {
    say: 'The unit does not make keys of the kind {algorithm}.',
    hint: 'Ask it for one of the kinds that it lists.',
  },
  'agent-locked': {
    say: 'The unit is locked and makes no other key.',
    hint: 'Set it aside: it cannot be provisioned again.',
  },
  'agent-certificate-foreign': {
    say: 'The certificate is not about a key of this unit.',
    hint: 'Issue one from the request that this unit made.',
  },
  'agent-certificate-unreadable': { say: 'The unit cannot read the certificate.', hint: 'Send it again.' },
  'agent-nothing-written': {
    say: 'The unit has not been given what it needs to register.',
    hint: 'Write settings, and for X.509 a certificate, first.',
  },
  'hub-unreachable': {
    say: 'The hub {hub} cannot be reached ({reason}).',
    hint: 'Check that it runs and that the address is right.',
  },
  'hub-refused': {
    say: 'The hub {hub} refused the unit (code {code}).',
    hint: 'Check that the unit is registered there, then start it again.',
  },
  'hub-silent': { say: 'The hub {hub} did not answer to {step}.', hint: 'Look at the log of the hub.' },
  'hub-lost': { say: 'The connection to the hub {hub} was lost.', hint: 'Wait: the unit connects again by itself.' },
  'hub-twin-refused': { say: 'The hub {hub} did not give the twin (status {status}).', hint: 'Look at the hub.' },
  'boot-stopped': { say: 'The boot of the unit was stopped.', hint: 'Start it again.' },
});
