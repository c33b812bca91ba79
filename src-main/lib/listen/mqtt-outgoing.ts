/** What goes out to MQTT clients by QoS 1: the broker keeps none of it, the programs do, and they hear of each PUBACK. */
import type { Aedes } from 'aedes';

/** aedes has it and does not declare it. */
interface OutgoingMessages {
  outgoingEnqueue: () => Promise<void>;
  outgoingEnqueueCombi: () => Promise<void>;
  outgoingUpdate: () => Promise<void>;
  outgoingClearMessageId: () => Promise<void>;
}

/**
 * Kept sessions are their subscriptions alone: a message that aedes kept as well would be sent twice after a reconnect,
 * and would be gone after a restart.
 */
export function keepNoOutgoing(broker: Aedes): void {
  const persistence = (broker as unknown as { persistence: OutgoingMessages }).persistence;
  const nothing = async (): Promise<void> => undefined;
  persistence.outgoingEnqueue = nothing;
  persistence.outgoingEnqueueCombi = nothing;
  persistence.outgoingUpdate = nothing;
  persistence.outgoingClearMessageId = nothing;
}

export interface Unacknowledged {
  /** False when the client acknowledges nothing and may be sent no more. */
  sent(acknowledged: () => void): boolean;
  acknowledged(): void;
}

// Answers of a service and one message to a device at a time; a client that lets so many wait does not acknowledge.
const maxUnacknowledged = 64;

/** A client acknowledges in the order in which it was sent to (MQTT-4.6.0-2). */
export function createUnacknowledged(): Unacknowledged {
  const waiting: (() => void)[] = [];
  return {
    sent(acknowledged) {
      waiting.push(acknowledged);
      return waiting.length <= maxUnacknowledged;
    },
    acknowledged() {
      waiting.shift()?.();
    },
  };
}
