/** Commands on keys: ReadPublic, Import, Load, EvictControl, FlushContext (Part 3, clauses 12, 13, 22, 28). */
import { createHash, timingSafeEqual } from 'node:crypto';
import { ByteReader, concatBytes, uint16, uint32 } from '../../../lib/base/bytes.ts';
import { alg, cc, handleRange, rh } from '../../../lib/tpm/constants.ts';
import { decryptCfb } from '../../../lib/tpm/protection.ts';
import { decodePublic, type KeyedHashArea, objectName } from '../../../lib/tpm/public-area.ts';
import { readSized, readSizedWhole, sized } from '../../../lib/tpm/wire.ts';
import type { CommandSpec } from './command-spec.ts';
import type { Memory } from './memory.ts';
import { nameOf, objectBit, type StorageKey, type TpmKey } from './object.ts';
import { closeProtected, openProtected, openSeed } from './protected-area.ts';
import { ofHandle, ofParameter, rc } from './rc.ts';
import { answer, refuse, type Reply, type Request } from './request.ts';
import { belongsTo, encodeSensitive, readSensitive, type Sensitive } from './sensitive.ts';

export const readPublic: CommandSpec = {
  code: cc.readPublic,
  handles: 1,
  authorised: 0,
  run(memory, request) {
    const object = memory.object(request.handles[0] ?? 0);
    if (object === undefined || object.kind === 'sequence') return refuse(ofHandle(rc.handle, 1));
    const name = nameOf(object);
    const qualifiedName = createHash('sha256')
      .update(concatBytes(uint32(object.hierarchy), name))
      .digest();
    return answer(object.publicArea, sized(name), sized(uint16(alg.sha256), qualifiedName));
  },
};

/** The storage key at the first handle, as Import and Load need one. */
function parentOf(memory: Memory, request: Request): StorageKey | undefined {
  const parent = memory.object(request.handles[0] ?? 0);
  return parent?.kind === 'storage' ? parent : undefined;
}

interface ImportedPublic {
  readonly publicArea: Uint8Array;
  readonly area: KeyedHashArea;
  readonly name: Uint8Array;
}

/** A keyed-hash public area that may be imported or loaded here; else what is wrong with it. */
function readImportable(parameters: ByteReader, number: number): ImportedPublic | number {
  const publicArea = readSizedWhole(parameters);
  const area = publicArea === undefined ? undefined : decodePublic(publicArea);
  if (publicArea === undefined || area?.ok !== true) return ofParameter(rc.size, number);
  if (area.value.type !== 'keyed-hash') return ofParameter(rc.type, number);
  const { scheme, attributes } = area.value;
  if (scheme.algorithm !== alg.hmac || scheme.hash !== alg.sha256) return ofParameter(rc.scheme, number);
  if ((attributes & objectBit.sign) === 0) return ofParameter(rc.attributes, number);
  const name = objectName(publicArea);
  return name.ok ? { publicArea, area: area.value, name: name.value } : ofParameter(rc.hash, number);
}

export const importKey: CommandSpec = {
  code: cc.import,
  handles: 1,
  authorised: 1,
  run(memory, request) {
    const parent = parentOf(memory, request);
    if (parent === undefined) return refuse(ofHandle(rc.type, 1));
    const { parameters } = request;
    const innerKey = readSized(parameters);
    if (innerKey === undefined) return refuse(ofParameter(rc.size, 1));
    const imported = readImportable(parameters, 2);
    if (typeof imported === 'number') return refuse(imported);
    // Such an object may never leave its parent or its TPM, so nobody can have duplicated it (Part 3, clause 13.3).
    const fixed = objectBit.fixedTpm | objectBit.fixedParent;
    if ((imported.area.attributes & fixed) !== 0) return refuse(ofParameter(rc.attributes, 2));
    const sensitive = openDuplicate(parent, imported, { innerKey, parameters });
    if (typeof sensitive === 'number') return refuse(sensitive);
    if (!belongsTo(sensitive, imported.area)) return refuse(ofParameter(rc.binding, 2));
    return answer(sized(closeProtected(parent.seed, imported.name, encodeSensitive(sensitive))));
  },
};

interface DuplicateInput {
  readonly innerKey: Uint8Array;
  /** At: duplicate, inSymSeed, symmetricAlg. */
  readonly parameters: ByteReader;
}

function openDuplicate(parent: StorageKey, imported: ImportedPublic, input: DuplicateInput): Sensitive | number {
  const duplicate = readSized(input.parameters);
  const encryptedSeed = readSized(input.parameters);
  if (duplicate === undefined) return ofParameter(rc.size, 3);
  if (encryptedSeed === undefined) return ofParameter(rc.size, 4);
  if (!isAes128Cfb(input.parameters)) return ofParameter(rc.symmetric, 5);
  if (input.innerKey.length !== 16) return ofParameter(rc.size, 1);
  const seed = openSeed(parent, 'DUPLICATE', encryptedSeed);
  if (seed === undefined) return ofParameter(rc.value, 4);
  const inner = openProtected(seed, imported.name, duplicate);
  const body = inner === undefined ? undefined : openInner(decryptCfb(input.innerKey, inner), imported.name);
  if (body === undefined) return ofParameter(rc.integrity, 3);
  return readSensitive(new ByteReader(body)) ?? ofParameter(rc.type, 3);
}

function isAes128Cfb(parameters: ByteReader): boolean {
  const [algorithm, keyBits, mode] = [parameters.uint16(), parameters.uint16(), parameters.uint16()];
  return algorithm === alg.aes && keyBits === 128 && mode === alg.cfb;
}

/** The inner wrapper's integrity is a plain hash, since the key that hides it is secret (Part 1, clause 23.3.2.3). */
function openInner(plain: Uint8Array, name: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(plain);
  const integrity = readSized(reader);
  const body = reader.take(reader.remaining);
  if (integrity === undefined || body === undefined) return undefined;
  const want = createHash('sha256').update(concatBytes(body, name)).digest();
  return integrity.length === want.length && timingSafeEqual(integrity, want) ? body : undefined;
}

export const load: CommandSpec = {
  code: cc.load,
  handles: 1,
  authorised: 1,
  run(memory, request) {
    const parent = parentOf(memory, request);
    if (parent === undefined) return refuse(ofHandle(rc.type, 1));
    const privateArea = readSized(request.parameters);
    if (privateArea === undefined) return refuse(ofParameter(rc.size, 1));
    const loaded = readImportable(request.parameters, 2);
    if (typeof loaded === 'number') return refuse(loaded);
    const plain = openProtected(parent.seed, loaded.name, privateArea);
    if (plain === undefined) return refuse(ofParameter(rc.integrity, 1));
    const sensitive = readSensitive(new ByteReader(plain));
    if (sensitive === undefined || !belongsTo(sensitive, loaded.area)) return refuse(ofParameter(rc.binding, 2));
    const key = { kind: 'hmac', publicArea: loaded.publicArea, hierarchy: parent.hierarchy } as const;
    const handle = memory.hold({ ...key, ...copied(sensitive) });
    if (handle === undefined) return refuse(rc.objectMemory);
    return { ...answer(sized(loaded.name)), handle };
  },
};

/** Away from the command's buffer, which belongs to the caller. */
function copied({ auth, obfuscation, key }: Sensitive): Sensitive {
  return { auth: auth.slice(), obfuscation: obfuscation.slice(), key: key.slice() };
}

// As many as swtpm keeps at least (Part 1, clause 37.3.3: MIN_EVICT_OBJECTS), and some for tests.
const maxPersistent = 16;
const lastOwnerHandle = 0x817fffff;

export const evictControl: CommandSpec = {
  code: cc.evictControl,
  handles: 2,
  authorised: 1,
  async run(memory, request) {
    const [authority = 0, handle = 0] = request.handles;
    const persistent = request.parameters.uint32();
    if (authority !== rh.owner) return refuse(ofHandle(rc.value, 1));
    if (persistent === undefined || persistent < handleRange.persistent || persistent > lastOwnerHandle) {
      return refuse(ofParameter(rc.range, 1));
    }
    const object = memory.object(handle);
    if (object === undefined || object.kind === 'sequence') return refuse(ofHandle(rc.attributes, 2));
    if (!memory.transient.has(handle)) return removeKept(memory, handle, persistent);
    return keepObject(memory, persistent, object);
  },
};

async function removeKept(memory: Memory, handle: number, persistent: number): Promise<Reply> {
  if (handle !== persistent) return refuse(ofHandle(rc.handle, 2));
  const kept = await memory.keep((state) => ({
    ...state,
    persistent: new Map([...state.persistent].filter(([at]) => at !== persistent)),
  }));
  return kept.ok ? answer() : refuse(rc.nvUnavailable);
}

async function keepObject(memory: Memory, persistent: number, object: TpmKey): Promise<Reply> {
  if (memory.state.persistent.has(persistent)) return refuse(rc.nvDefined);
  if (memory.state.persistent.size >= maxPersistent) return refuse(rc.nvSpace);
  const kept = await memory.keep((state) => ({
    ...state,
    persistent: new Map([...state.persistent, [persistent, object]]),
  }));
  return kept.ok ? answer() : refuse(rc.nvUnavailable);
}

export const flushContext: CommandSpec = {
  code: cc.flushContext,
  handles: 0,
  authorised: 0,
  run(memory, request) {
    const handle = request.parameters.uint32();
    if (handle === undefined) return refuse(ofParameter(rc.insufficient, 1));
    return memory.letGo(handle) ? answer() : refuse(ofParameter(rc.handle, 1));
  },
};
