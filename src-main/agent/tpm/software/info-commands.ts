/** What a TPM tells of itself: capabilities, random bytes, the stored certificate, and that it is well. */
import { createHash } from 'node:crypto';
import { concatBytes, uint16, uint32 } from '../../../lib/base/bytes.ts';
import { alg, cap, cc, handleRange, pt, wellKnown } from '../../../lib/tpm/constants.ts';
import { sized } from '../../../lib/tpm/wire.ts';
import type { CommandSpec } from './command-spec.ts';
import { inputBufferBytes } from './hmac-commands.ts';
import type { Memory } from './memory.ts';
import { ofHandle, ofParameter, rc } from './rc.ts';
import { answer, refuse, type Reply } from './request.ts';

// Of real TPMs, 512 to 2,048 are met.
const nvBufferBytes = 1_024;

/** TPM_PT (Part 2, clause 6.13) in rising order: family "2.0", maker "BNCH", and the sizes. */
const properties: readonly (readonly [number, number])[] = [
  [0x100, 0x322e3000],
  [pt.manufacturer, 0x424e4348],
  // "software TPM", four characters a word
  [pt.vendorString1, 0x736f6674],
  [pt.vendorString1 + 1, 0x77617265],
  [pt.vendorString1 + 2, 0x2054504d],
  [pt.vendorString1 + 3, 0],
  [pt.firmwareVersion1, 0x00010000],
  [pt.firmwareVersion2, 0],
  [pt.inputBuffer, inputBufferBytes],
  [0x11e, 4_096],
  [0x11f, 4_096],
  [pt.nvBufferMax, nvBufferBytes],
];

export const getCapability: CommandSpec = {
  code: cc.getCapability,
  handles: 0,
  authorised: 0,
  run(memory, { parameters }) {
    const capability = parameters.uint32();
    const first = parameters.uint32();
    const count = parameters.uint32();
    if (first === undefined || count === undefined) return refuse(ofParameter(rc.insufficient, 1));
    if (capability === cap.tpmProperties) {
      const from = properties.filter(([property]) => property >= first);
      return listed(
        capability,
        count,
        from.map(([property, value]) => concatBytes(uint32(property), uint32(value))),
      );
    }
    if (capability !== cap.handles) return refuse(ofParameter(rc.value, 1));
    const handles = handlesOfKind(memory, first).filter((handle) => handle >= first);
    return listed(capability, count, handles.sort((a, b) => a - b).map(uint32));
  },
};

function listed(capability: number, count: number, entries: readonly Uint8Array[]): Reply {
  const shown = entries.slice(0, count);
  const hasMore = Uint8Array.of(shown.length < entries.length ? 1 : 0);
  return answer(hasMore, uint32(capability), uint32(shown.length), ...shown);
}

function handlesOfKind(memory: Memory, first: number): number[] {
  switch ((first & 0xff000000) >>> 0) {
    case handleRange.transient:
      return [...memory.transient.keys()];
    case handleRange.persistent:
      return [...memory.state.persistent.keys()];
    // TPM_HT_LOADED_SESSION lists sessions of both kinds (Part 2, clause 7.2); ours are all policy sessions.
    case handleRange.hmacSession:
    case handleRange.policySession:
      return [...memory.sessions.keys()].filter((handle) => handle >= first);
    default:
      return [];
  }
}

const maxRandomBytes = 64;

export const getRandom: CommandSpec = {
  code: cc.getRandom,
  handles: 0,
  authorised: 0,
  run(memory, { parameters }) {
    const count = parameters.uint16();
    if (count === undefined) return refuse(ofParameter(rc.insufficient, 1));
    return answer(sized(memory.random(Math.min(count, maxRandomBytes))));
  },
};

/** ppWrite, writeDefine, ppRead, ownerRead, authRead, noDA, written, platformCreate: as makers define it. */
const nvAttributes = 0x62072001;

export const nvReadPublic: CommandSpec = {
  code: cc.nvReadPublic,
  handles: 1,
  authorised: 0,
  run(memory) {
    const { ekCertificate } = memory.state;
    if (ekCertificate === undefined) return refuse(ofHandle(rc.handle, 1));
    const area = concatBytes(
      uint32(wellKnown.ekCertificateIndex),
      uint16(alg.sha256),
      uint32(nvAttributes),
      sized(),
      uint16(ekCertificate.length),
    );
    const name = concatBytes(uint16(alg.sha256), createHash('sha256').update(area).digest());
    return answer(sized(area), sized(name));
  },
};

export const nvRead: CommandSpec = {
  code: cc.nvRead,
  handles: 2,
  authorised: 1,
  run(memory, { parameters }) {
    const { ekCertificate } = memory.state;
    const size = parameters.uint16();
    const offset = parameters.uint16();
    if (ekCertificate === undefined) return refuse(ofHandle(rc.handle, 2));
    if (size === undefined || size > nvBufferBytes) return refuse(ofParameter(rc.value, 1));
    if (offset === undefined || offset + size > ekCertificate.length) return refuse(rc.nvRange);
    return answer(sized(ekCertificate.subarray(offset, offset + size)));
  },
};

export const selfTest: CommandSpec = { code: cc.selfTest, handles: 0, authorised: 0, run: () => answer() };

/** It starts by itself, so a second start is refused as by any TPM that runs (Part 3, clause 9.3). */
export const startup: CommandSpec = {
  code: cc.startup,
  handles: 0,
  authorised: 0,
  run: () => refuse(rc.initialize),
};
