/** Answers that wait for their client's credit: some clients give it only after they have asked. */
import type { AmqpLink, AmqpOutgoing } from './amqp.ts';

export interface AmqpReplies {
  /** In order. False when the client takes nothing and so much waits already. */
  send(link: AmqpLink, message: AmqpOutgoing): boolean;
  sendable(link: AmqpLink): void;
  forget(link: AmqpLink): void;
}

// A client that has asked so often and gives no credit for the answers does not want them.
const maxWaiting = 4;

export function createAmqpReplies(): AmqpReplies {
  const waiting = new Map<AmqpLink, AmqpOutgoing[]>();
  return {
    send(link, message) {
      const before = waiting.get(link) ?? [];
      if (before.length === 0 && link.send(message)) return true;
      if (!link.isOpen || link.credit > 0 || before.length >= maxWaiting) return false;
      waiting.set(link, [...before, message]);
      return true;
    },
    sendable(link) {
      const left = waiting.get(link) ?? [];
      while (left[0] !== undefined && link.send(left[0])) left.shift();
      if (left.length === 0) waiting.delete(link);
    },
    forget: (link) => void waiting.delete(link),
  };
}
