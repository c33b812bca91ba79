/** The device's end of the bench link: what firmware does with a management library, done once for agents. */
import { createLane } from '../base/lane.ts';
import type { ByteStream } from '../base/stream.ts';
import { decodeMap, encodeMap, uintAt, type CborMap } from './cbor-map.ts';
import { createFrameDecoder, encodeFrames } from './console-frame.ts';
import type { Reply } from './clerk.ts';
import { createCounter, type Counter } from './counter.ts';
import { defaultBufferBytes, maxBufferBytes, maxWaitingPackets, minBufferBytes } from './limits.ts';
import { benchErrors, benchGroup, osGroup, smpErrors } from './messages.ts';
import { decodePacket, encodePacket, smpHeaderBytes, smpOps, smpVersions, type SmpPacket } from './smp-packet.ts';
import type { LinkDevice, LinkServer, LinkServerParts } from './types.ts';

/** What MCUmgr calls the number of its buffers; a station sends one packet at a time whatever it says. */
const bufferCount = 4;

export function serveLink(stream: ByteStream, device: LinkDevice, parts: LinkServerParts): LinkServer {
  const bufferBytes = parts.bufferBytes ?? defaultBufferBytes;
  if (bufferBytes < minBufferBytes || bufferBytes > maxBufferBytes) throw new RangeError('buffer size out of bounds');
  const decoder = createFrameDecoder(bufferBytes);
  const lane = createLane(maxWaitingPackets);
  const counter = createCounter(device, { ...parts, bufferBytes });
  let isClosed = false;

  const answer = async (packet: SmpPacket): Promise<void> => {
    const body = await answerBody(packet, counter, bufferBytes);
    if (isClosed) return;
    const reply = encodePacket({
      ...packet,
      op: packet.op === smpOps.read ? smpOps.readReply : smpOps.writeReply,
      body,
    });
    const written = await stream.write(encodeFrames(reply));
    // The station asks again; a stream that is gone is its owner's to see.
    if (!written.ok) parts.log.warn('link-reply-lost', { code: written.fault.code });
  };

  const stop = stream.onData((bytes) => {
    for (const framed of decoder.push(bytes)) {
      if (framed.kind === 'discarded') {
        if (framed.why !== 'noise') parts.log.info('link-discarded', { why: framed.why, bytes: framed.bytes.length });
        continue;
      }
      const packet = decodePacket(framed.bytes);
      // [LINK-3.1] What is not a request is not answered: an echoing line must not make two ends talk for ever.
      if (packet === undefined || (packet.op !== smpOps.read && packet.op !== smpOps.write)) continue;
      const queued = lane.run(() => answer(packet));
      if (queued === undefined) parts.log.warn('link-packet-dropped', { waiting: lane.waiting });
      queued?.catch((error: unknown) => {
        // A bug in a handler must not take the line down with it.
        parts.log.error('link-handler-broke', { error: error instanceof Error ? error.name : typeof error });
      });
    }
  });

  return {
    close() {
      isClosed = true;
      stop();
    },
  };
}

async function answerBody(packet: SmpPacket, counter: Counter, bufferBytes: number): Promise<Uint8Array> {
  const map = packet.body.length === 0 ? new Map<string, unknown>() : decodeMap(packet.body);
  if (map === undefined) return encodeMap({ rc: smpErrors.invalid });
  if (packet.group === osGroup.id) return osAnswer(packet, map, bufferBytes);
  if (packet.group !== benchGroup.id) return encodeMap({ rc: smpErrors.notSupported });
  // [LINK-3.5] Errors of our group need the `err` map that the older protocol does not have.
  if (packet.version !== smpVersions.current) return encodeMap({ rc: smpErrors.tooOld });
  const reply = await benchReply(packet, map, counter);
  if (reply === undefined) return encodeMap({ rc: smpErrors.notSupported });
  if (reply.at === 'answer') return encodeMap(reply.members);
  return encodeMap({
    err: new Map([
      ['group', benchGroup.id],
      ['rc', reply.rc],
    ]),
  });
}

function osAnswer(packet: SmpPacket, map: CborMap, bufferBytes: number): Uint8Array {
  if (packet.command === osGroup.echo) {
    const text = map.get('d');
    if (typeof text !== 'string') return encodeMap({ rc: smpErrors.invalid });
    const body = encodeMap({ r: text });
    return body.length + smpHeaderBytes > bufferBytes ? encodeMap({ rc: smpErrors.invalid }) : body;
  }
  if (packet.command === osGroup.parameters && packet.op === smpOps.read) {
    return encodeMap({ buf_size: bufferBytes, buf_count: bufferCount });
  }
  return encodeMap({ rc: smpErrors.notSupported });
}

async function benchReply(packet: SmpPacket, map: CborMap, counter: Counter): Promise<Reply | undefined> {
  const { read, send, ask } = benchGroup;
  if (packet.command === read && packet.op === smpOps.read) {
    const object = uintAt(map, 'n', 255);
    const offset = uintAt(map, 'o', 0xffff);
    if (object === undefined || offset === undefined) return { at: 'error', rc: benchErrors.malformed };
    return counter.read(object, offset);
  }
  if (packet.command === send && packet.op === smpOps.write) return counter.send(map);
  if (packet.command === ask && packet.op === smpOps.read) return counter.ask(map);
  return undefined;
}
