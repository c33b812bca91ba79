/** What the unit holds of itself: the key it made, the certificates written to it, its settings, whether it booted. */
import { z } from 'zod';
import { equalBytes, fromBase64, fromUtf8, toBase64, utf8 } from '../lib/base/bytes.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import type { DeviceSettings } from '../lib/link/index.ts';
import { readCertificate } from '../lib/x509/certificate.ts';
import { privateKeyMatches } from '../lib/x509/keys.ts';
import type { CertificateChain } from '../lib/x509/types.ts';
import { agentFault } from './faults.ts';
import { createSlots } from './slots.ts';
import type { Slots } from './slots.ts';
import type { StateFolder } from './state-folder.ts';

export interface MadeKey {
  /** The request that it was made for: the same request gets the same key. */
  readonly requestId: string;
  /** PKCS#8 DER. */
  readonly privateKey: Uint8Array;
}

/** Certificate chain and key change together, so that a power cut never parts them. */
export interface Credential {
  readonly chain: CertificateChain;
  readonly privateKey: Uint8Array;
}

export interface CredentialStore {
  madeKey(): Promise<Result<MadeKey | undefined>>;
  keepKey(key: MadeKey): Promise<Result<void>>;
  credential(): Promise<Result<Credential | undefined>>;
  /** Refuses a leaf that is not about the key made last or the key in use. */
  keepCertificates(chain: CertificateChain): Promise<Result<void>>;
  settings(): Promise<Result<DeviceSettings | undefined>>;
  keepSettings(settings: DeviceSettings): Promise<Result<void>>;
  /** Drops every key and certificate that is not in use [LINK-7.2]. */
  retire(): Promise<Result<void>>;
  isLocked(): Promise<Result<boolean>>;
  /** For ever; the rest of the unit asks `isLocked` before it takes anything. */
  lock(): Promise<Result<void>>;
}

const keyFile = 'key.json';
const lockFile = 'locked';
const bytesText = z.string().transform((text, context) => {
  const bytes = fromBase64(text);
  if (bytes !== undefined) return bytes;
  context.addIssue({ code: 'custom', message: 'not base64' });
  return z.NEVER;
});
const madeKeySchema = z.strictObject({ requestId: z.string(), privateKey: bytesText });
const credentialSchema = z.strictObject({ chain: z.array(bytesText), privateKey: bytesText });
const settingsSchema = z.strictObject({
  registrationId: z.string(),
  idScope: z.string(),
  endpoint: z.string(),
  trustedRoots: z.array(bytesText).optional(),
});

export function createCredentialStore(folder: StateFolder): CredentialStore {
  const certificateSlots = createSlots(folder, 'certificates');
  const settingsSlots = createSlots(folder, 'settings');
  const madeKey = async () => {
    const read = await folder.read(keyFile);
    return read.ok ? decoded(read.value, madeKeySchema, 'key') : read;
  };
  const credential = () => readSlots(certificateSlots, credentialSchema, 'certificates');
  return {
    madeKey,
    keepKey: ({ requestId, privateKey }) =>
      folder.write(keyFile, encoded({ requestId, privateKey: toBase64(privateKey) })),
    credential,
    async keepCertificates(chain) {
      const keys = await Promise.all([madeKey(), credential()]);
      const known = keys.flatMap((key) => (key.ok && key.value !== undefined ? [key.value.privateKey] : []));
      const privateKey = ownKey(chain, known);
      if (!privateKey.ok) return privateKey;
      return certificateSlots.write(encoded({ chain: chain.map(toBase64), privateKey: toBase64(privateKey.value) }));
    },
    async settings() {
      const read = await readSlots(settingsSlots, settingsSchema, 'settings');
      if (!read.ok || read.value === undefined) return read as Result<undefined>;
      const { trustedRoots, ...rest } = read.value;
      return ok(trustedRoots === undefined ? rest : { ...rest, trustedRoots });
    },
    keepSettings: ({ trustedRoots, ...rest }) =>
      settingsSlots.write(
        encoded(trustedRoots === undefined ? rest : { ...rest, trustedRoots: trustedRoots.map(toBase64) }),
      ),
    async retire() {
      const [made, inUse] = [await madeKey(), await credential()];
      if (!inUse.ok || inUse.value === undefined) return inUse.ok ? ok() : inUse;
      const isOther = made.ok && made.value !== undefined && !equalBytes(made.value.privateKey, inUse.value.privateKey);
      const dropped = isOther ? await folder.remove(keyFile) : ok();
      return dropped.ok ? certificateSlots.retire() : dropped;
    },
    async isLocked() {
      const read = await folder.read(lockFile);
      return read.ok ? ok(read.value !== undefined) : read;
    },
    lock: () => folder.write(lockFile, utf8('locked')),
  };
}

function ownKey(chain: CertificateChain, known: readonly Uint8Array[]): Result<Uint8Array> {
  const leaf = readCertificate(chain[0] ?? new Uint8Array());
  if (!leaf.ok) return failed(agentFault('agent-certificate-unreadable'));
  const own = known.find((privateKey) => privateKeyMatches(privateKey, leaf.value.publicKey));
  return own === undefined ? failed(agentFault('agent-certificate-foreign')) : ok(own);
}

async function readSlots<T>(slots: Slots, schema: z.ZodType<T>, what: string): Promise<Result<T | undefined>> {
  const read = await slots.read();
  return read.ok ? decoded(read.value, schema, what) : read;
}

function decoded<T>(bytes: Uint8Array | undefined, schema: z.ZodType<T>, what: string): Result<T | undefined> {
  if (bytes === undefined) return ok(undefined);
  const parsed = schema.safeParse(jsonOf(bytes));
  return parsed.success ? ok(parsed.data) : failed(agentFault('agent-state-damaged', { what }));
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes) ?? '');
  } catch {
    return undefined;
  }
}

function encoded(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}
