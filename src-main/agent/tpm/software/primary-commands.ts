/** TPM2_CreatePrimary: the same template gives the same key for ever, as a real TPM's seed does. */
import { createHash, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { type ByteReader, concatBytes, equalBytes, toHex, uint16, uint32 } from '../../../lib/base/bytes.ts';
import { alg, cc, rh } from '../../../lib/tpm/constants.ts';
import { encodePublic, type RsaArea } from '../../../lib/tpm/public-area.ts';
import { decodeStorageKey } from '../../../lib/tpm/templates.ts';
import { readSized, readSizedWhole, sized } from '../../../lib/tpm/wire.ts';
import type { CommandSpec } from './command-spec.ts';
import type { Memory } from './memory.ts';
import { nameOf, objectBit, privateKeyOf, type StorageKey } from './object.ts';
import { ofHandle, ofParameter, rc } from './rc.ts';
import { answer, refuse, type Reply } from './request.ts';
import type { Primary } from './state.ts';

const generate = promisify(generateKeyPair);

// Two are normal; each one more costs a file write, and a caller that makes up templates is a mistake.
const maxPrimaries = 8;
const seedBytes = 32;
/** TPMS_SENSITIVE_CREATE with neither password nor data: the only kind this TPM makes. */
const emptySensitive = sized(uint16(0), uint16(0));
const creationTicketTag = 0x8021;

export const createPrimary: CommandSpec = {
  code: cc.createPrimary,
  handles: 1,
  authorised: 1,
  async run(memory, request) {
    const [hierarchy = 0] = request.handles;
    if (hierarchy !== rh.owner && hierarchy !== rh.endorsement) return refuse(ofHandle(rc.hierarchy, 1));
    const input = readInput(request.parameters);
    if (typeof input === 'number') return refuse(input);
    const primary = await findOrMake(memory, hierarchy, input.template);
    if (typeof primary === 'number') return refuse(primary);
    return created(memory, { hierarchy, area: input.area, outsideInfo: input.outsideInfo, primary });
  },
};

interface Input {
  readonly template: Uint8Array;
  readonly area: RsaArea;
  readonly outsideInfo: Uint8Array;
}

function readInput(parameters: ByteReader): Input | number {
  const sensitive = readSizedWhole(parameters);
  const template = readSizedWhole(parameters);
  const outsideInfo = readSized(parameters);
  const pcrCount = parameters.uint32();
  if (sensitive === undefined || !equalBytes(sensitive, emptySensitive)) return ofParameter(rc.value, 1);
  const area = template === undefined ? undefined : decodeStorageKey(template);
  if (template === undefined || area?.ok !== true) return ofParameter(rc.type, 2);
  const needed = objectBit.restricted | objectBit.decrypt | objectBit.fixedTpm | objectBit.fixedParent;
  if ((area.value.attributes & needed) !== needed) return ofParameter(rc.attributes, 2);
  if (outsideInfo === undefined) return ofParameter(rc.insufficient, 3);
  return pcrCount === 0 ? { template, area: area.value, outsideInfo } : ofParameter(rc.value, 4);
}

async function findOrMake(memory: Memory, hierarchy: number, template: Uint8Array): Promise<Primary | number> {
  const id = toHex(
    createHash('sha256')
      .update(concatBytes(uint32(hierarchy), template))
      .digest(),
  );
  const known = memory.state.primaries.find((primary) => primary.template === id);
  if (known !== undefined) return known;
  if (memory.state.primaries.length >= maxPrimaries) return rc.nvSpace;
  const { privateKey } = await generate('rsa', { modulusLength: 2_048, publicExponent: 65_537 });
  const primary: Primary = {
    template: id,
    privateKey: Uint8Array.from(privateKey.export({ format: 'der', type: 'pkcs8' })),
    seed: memory.random(seedBytes),
  };
  const kept = await memory.keep((state) => ({ ...state, primaries: [...state.primaries, primary] }));
  return kept.ok ? primary : rc.nvUnavailable;
}

interface Creation {
  readonly hierarchy: number;
  readonly area: RsaArea;
  readonly outsideInfo: Uint8Array;
  readonly primary: Primary;
}

function created(memory: Memory, creation: Creation): Reply {
  const key = storageKey(creation);
  const handle = memory.hold(key);
  if (handle === undefined) return refuse(rc.objectMemory);
  const parent = sized(uint32(creation.hierarchy));
  const emptyDigest = createHash('sha256').digest();
  // TPMS_CREATION_DATA (Part 2, clause 15.1): no PCR, locality 0, and the hierarchy as parent
  const creationData = concatBytes(
    uint32(0),
    sized(emptyDigest),
    Uint8Array.of(1),
    uint16(alg.null),
    parent,
    parent,
    sized(creation.outsideInfo),
  );
  const reply = answer(
    key.publicArea,
    sized(creationData),
    sized(createHash('sha256').update(creationData).digest()),
    uint16(creationTicketTag),
    uint32(creation.hierarchy),
    sized(),
    sized(nameOf(key)),
  );
  return { ...reply, handle };
}

function storageKey({ area, hierarchy, primary }: Creation): StorageKey {
  const key = { kind: 'storage', hierarchy, privateKey: primary.privateKey, seed: primary.seed } as const;
  const { n = '' } = privateKeyOf({ ...key, publicArea: new Uint8Array(0) }).export({ format: 'jwk' });
  return { ...key, publicArea: encodePublic({ ...area, modulus: Uint8Array.from(Buffer.from(n, 'base64url')) }) };
}
