/** Tells from the fixed headers alone whether an MQTT packet is larger than allowed, before it is collected. */

export interface MqttSizeGuard {
  /** Shows it the next bytes of the connection; false once any packet announced more than the limit. */
  accepts(bytes: Uint8Array): boolean;
}

// MQTT 3.1.1 section 2.2.3: the remaining length takes at most four bytes.
const maxLengthBytes = 4;

/** `maxFirstBytes`: of the first packet, which comes from somebody who has not said yet who it is. */
export function createMqttSizeGuard(maxPacketBytes: number, maxFirstBytes = maxPacketBytes): MqttSizeGuard {
  let most = Math.min(maxFirstBytes, maxPacketBytes);
  let at: { readonly in: 'type' } | { readonly in: 'length'; readonly bytes: number } | { readonly in: 'body' } = {
    in: 'type',
  };
  let length = 0;
  let refused = false;
  const endOfLength = (): void => {
    refused = length > most;
    most = maxPacketBytes;
    at = length === 0 ? { in: 'type' } : { in: 'body' };
  };
  const lengthByte = (byte: number, before: number): void => {
    length += (byte & 0x7f) * 128 ** before;
    if ((byte & 0x80) === 0) endOfLength();
    else if (before + 1 === maxLengthBytes) refused = true;
    else at = { in: 'length', bytes: before + 1 };
  };
  return {
    accepts(bytes) {
      let offset = 0;
      while (offset < bytes.length && !refused) {
        if (at.in === 'body') {
          const taken = Math.min(length, bytes.length - offset);
          length -= taken;
          offset += taken;
          if (length === 0) at = { in: 'type' };
          continue;
        }
        if (at.in === 'length') {
          lengthByte(bytes[offset] ?? 0, at.bytes);
        } else {
          length = 0;
          at = { in: 'length', bytes: 0 };
        }
        offset += 1;
      }
      return !refused;
    },
  };
}
