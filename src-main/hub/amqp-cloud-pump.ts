/**
 * Hands a device its messages over one link, as many as it gives credit for and as fast as it reads them: one that it
 * cannot read yet is not counted as delivered to it. Each is held until the device has settled it.
 */
import type { Log } from '../lib/base/log.ts';
import type { AmqpLink, AmqpOutcome } from '../lib/listen/amqp.ts';
import { cloudMessageOut } from './amqp-message-form.ts';
import type { CloudMessages, Settlement } from './cloud-messages.ts';

export interface CloudPump {
  /** There is credit or room, or there may be a message. */
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
    // what was held may have filled the session
    wake();
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
    while (link.isOpen && link.credit > 0 && link.hasRoom && sendOne());
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
