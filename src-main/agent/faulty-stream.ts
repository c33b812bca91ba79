/** A line with planted faults: what leaves the unit is changed, cut, lost, or is the last thing it ever says. */
import { utf8 } from '../lib/base/bytes.ts';
import { ok } from '../lib/base/result.ts';
import type { ByteStream } from '../lib/base/stream.ts';
import type { PlantedFaults } from './planted-faults.ts';

// What boot loaders print: no frame of ours, some of it no text at all.
const chatter = utf8('\r\nU-Boot SPL 2024.01 (Jan 08 2024)\r\nTrying to boot from MMC1\r\n\x06\t*** \x00\xff\r\n');

/** @param powerCut ends the process at once, as a cut would */
export function withPlantedFaults(stream: ByteStream, faults: PlantedFaults, powerCut: () => void): ByteStream {
  let writes = 0;
  return {
    ...stream,
    async write(bytes) {
      writes += 1;
      if (writes === 1 && faults.bootChatter === true) await stream.write(chatter);
      if (writes === faults.dropReply) return ok();
      const written = await stream.write(changed(bytes, writes, faults));
      if (writes === faults.exitAfterWrite) powerCut();
      return written;
    },
  };
}

function changed(bytes: Uint8Array, write: number, faults: PlantedFaults): Uint8Array {
  const middle = Math.floor(bytes.length / 2);
  if (write === faults.truncateReply) return bytes.subarray(0, middle);
  if (write !== faults.corruptReply) return bytes;
  return bytes.map((byte, at) => (at === middle ? byte ^ 1 : byte));
}
