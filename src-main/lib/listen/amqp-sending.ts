/** What goes out on one link: never without credit, and never more than its reader is known to take. */
import type { AmqpLink, AmqpOutcome } from './amqp.ts';
import { rheaMessageOf } from './amqp-message.ts';
import type { RheaDelivery, RheaLink } from './amqp-rhea.ts';
import { fullBytes, maxSendBytes, type AmqpWire } from './amqp-wire.ts';

// Calls and answers that a client's session window holds back: as many as a hub has method calls under way, twice over.
const maxHeldBack = 32;

export interface AmqpSending {
  credit(): number;
  hasRoom(): boolean;
  readonly send: AmqpLink['send'];
}

export interface SendingParts {
  readonly wire: Pick<AmqpWire, 'unsentBytes'>;
  readonly outcomes: WeakMap<RheaDelivery, (outcome: AmqpOutcome) => void>;
  readonly isEnding: boolean;
}

export function createAmqpSending(parts: SendingParts, rhea: RheaLink): AmqpSending {
  const { wire, outcomes } = parts;
  const { outgoing } = rhea.session;
  const heldBack: RheaDelivery[] = [];
  const held = (): number => {
    for (let [first] = heldBack; first !== undefined && first.id < outgoing.next_pending_delivery; [first] = heldBack) {
      // The engine keeps a delivery until it is settled, and those after it: 256 messages of 256 kB in every session of a
      // client that settles none. What is needed of one that has gone is its number.
      first.data = [];
      heldBack.shift();
    }
    return heldBack.length;
  };
  // the engine takes credit off only when a message leaves it
  const credit = (): number => rhea.credit - held();
  return {
    credit,
    hasRoom: () => held() === 0 && outgoing.available() > 0 && wire.unsentBytes < fullBytes,
    send(message, settled) {
      if (!rhea.is_open() || parts.isEnding || outgoing.available() === 0) return false;
      // a delivery without credit would stop every other one of its session
      if (credit() <= 0 || held() >= maxHeldBack) return false;
      if (wire.unsentBytes + (message.data?.length ?? 0) > maxSendBytes) return false;
      const delivery = rhea.send(rheaMessageOf(message));
      if (settled !== undefined) outcomes.set(delivery, settled);
      heldBack.push(delivery);
      // so that the wire's bound is judged by what it has
      rhea.connection._process();
      held();
      return true;
    },
  };
}
