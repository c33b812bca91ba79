/** What goes out to MQTT clients by QoS 1: the broker keeps none of it, the programs do, and they hear of each PUBACK. */
import type { Aedes } from 'aedes';

// aedes has them and does not declare them: what keeps, changes and forgets messages of QoS 1.
const keepers = ['outgoingEnqueue', 'outgoingEnqueueCombi', 'outgoingUpdate', 'outgoingClearMessageId'] as const;

/**
 * Kept sessions are their subscriptions alone: a message that aedes kept as well would be sent twice after a reconnect,
 * and would be gone after a restart. Throws when aedes is another one than this was written for: a keeper of another name
 * would keep on in silence.
 */
export function keepNoOutgoing(broker: Aedes): void {
  const { persistence } = broker as unknown as { readonly persistence: Record<string, unknown> };
  for (const name of keepers) {
    if (typeof persistence[name] !== 'function') throw new Error(`aedes has no ${name} any more`);
    persistence[name] = async (): Promise<void> => undefined;
  }
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
