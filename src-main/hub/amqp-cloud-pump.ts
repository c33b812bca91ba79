/** Hands a device its messages over one link, as many as it takes, each until the device has settled it. */
import type { Log } from '../lib/base/log.ts';
import type { AmqpLink, AmqpOutcome } from '../lib/listen/amqp.ts';
import { cloudMessageOut } from './amqp-message-form.ts';
import type { CloudMessages, Settlement } from './cloud-messages.ts';

export interface CloudPump {
  /** There is credit, or there may be a message. */
  wake(): void;
  /** Gives back what the device has not settled. */
  close(): void;
}

export interface PumpParts {
  readonly cloudMessages: CloudMessages;
  readonly log: Log;
}

const settlements: Readonly<Record<AmqpOutcome, Settlement>> = {
  accepted: 'complete',
  rejected: 'reject',
  released: 'abandon',
};

export function openCloudPump(parts: PumpParts, deviceId: string, link: AmqpLink): CloudPump {
  const { cloudMessages, log } = parts;
  const held = new Set<string>();
  let state: 'idle' | 'due' | 'closed' = 'idle';
  const settle = (token: string, how: Settlement): void => {
    if (!held.delete(token)) return;
    const settled = cloudMessages.settle(deviceId, token, how);
    if (!settled.ok) log.warn('message-not-settled', { deviceId, code: settled.fault.code });
  };
  /** False when there is no more to send now. */
  const sendOne = (): boolean => {
    const next = cloudMessages.receive(deviceId);
    if (!next.ok || next.value === undefined) return false;
    const { message, lockToken } = next.value;
    held.add(lockToken);
    const sent = link.send(cloudMessageOut(deviceId, message), (outcome) => settle(lockToken, settlements[outcome]));
    if (!sent) settle(lockToken, 'abandon');
    return sent;
  };
  const run = (): void => {
    if (state === 'closed') return;
    state = 'idle';
    let room = link.isOpen ? link.credit : 0;
    while (room > 0 && sendOne()) room -= 1;
  };
  const wake = (): void => {
    if (state !== 'idle') return;
    state = 'due';
    // after the engine has taken the credit of what was sent in this turn
    setImmediate(run);
  };
  const stopListening = cloudMessages.listen(deviceId, wake);
  return {
    wake,
    close() {
      state = 'closed';
      stopListening();
      for (const token of [...held]) settle(token, 'abandon');
    },
  };
}
