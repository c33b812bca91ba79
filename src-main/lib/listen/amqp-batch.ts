/** A message whose data sections are messages of their own, settled as one. */
import type { AmqpDelivery } from './amqp.ts';
import { messageIds, type MessageIds } from './amqp-message-ids.ts';
import { decodeMessage, type RheaMessage } from './amqp-rhea.ts';

export interface BatchedMessage {
  readonly message: RheaMessage;
  readonly ids: MessageIds;
}

/** Undefined when it is none, or one of its messages cannot be decoded. The outer sections have been looked at before. */
export function readBatch(bytes: Uint8Array): readonly BatchedMessage[] | undefined {
  const sections = dataSections(decodeMessage(Buffer.from(bytes)));
  if (sections.length === 0) return undefined;
  const batch: BatchedMessage[] = [];
  for (const section of sections) {
    const ids = messageIds(section);
    if (ids === undefined) return undefined;
    batch.push({ message: decodeMessage(section), ids });
  }
  return batch;
}

function dataSections({ body }: RheaMessage): readonly Buffer[] {
  if (typeof body !== 'object' || body === null || !('content' in body)) return [];
  const parts: readonly unknown[] = Array.isArray(body.content) ? body.content : [body.content];
  return parts.filter((part) => Buffer.isBuffer(part));
}

/** One for each message: accepted when all are, rejected with the first that is. */
export function sharedDelivery(whole: AmqpDelivery, count: number): readonly AmqpDelivery[] {
  let open = count;
  return Array.from({ length: count }, () => {
    let isSettled = false;
    return {
      accept() {
        if (isSettled) return;
        isSettled = true;
        open -= 1;
        if (open === 0) whole.accept();
      },
      reject(error) {
        isSettled = true;
        whole.reject(error);
      },
    } satisfies AmqpDelivery;
  });
}
