/** Stuck firmware: of what arrives, only the questions that a library answers by itself get through [LINK-4.1]. */
import { createFrameDecoder, encodeFrames } from '../../lib/link/console-frame.ts';
import { maxBufferBytes } from '../../lib/link/limits.ts';
import { osGroup } from '../../lib/link/messages.ts';
import { decodePacket } from '../../lib/link/smp-packet.ts';

/** Gives what is left of each piece that arrives. */
export function createGreetingsOnly(): (bytes: Uint8Array) => readonly Uint8Array[] {
  const decoder = createFrameDecoder(maxBufferBytes);
  return (bytes) =>
    decoder
      .push(bytes)
      .flatMap((framed) =>
        framed.kind === 'packet' && decodePacket(framed.bytes)?.group === osGroup.id
          ? [encodeFrames(framed.bytes)]
          : [],
      );
}
