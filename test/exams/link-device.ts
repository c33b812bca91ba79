/** A device in memory for tests of the link: it counts what it was asked to do. */
import { failed, ok, type Result } from '../../src-main/lib/base/result.ts';
import type { CertificateChain } from '../../src-main/lib/x509/types.ts';
import { sha256 } from '../../src-main/lib/link/parcel.ts';
import type { DeviceSettings, DeviceStatus, LinkDevice, LinkMemory } from '../../src-main/lib/link/types.ts';

export interface TestDevice extends LinkDevice {
  readonly asked: string[];
  /** Makes the next TPM command or key generation wait until `release`. */
  hold(): void;
  release(): void;
}

export function testDevice(): TestDevice {
  const asked: string[] = [];
  let chain: CertificateChain = [];
  let settings: DeviceSettings | undefined;
  let state: DeviceStatus['state'] = 'blank';
  let isLocked = false;
  let gate: Promise<void> = Promise.resolve();
  let release = (): void => undefined;
  let keys = 0;
  return {
    asked,
    hold() {
      gate = new Promise((resolve) => (release = resolve));
    },
    release: () => {
      release();
    },
    async info() {
      return {
        model: 'Test board',
        serialNumber: 'SN-1',
        firmware: '1.0.0',
        attestations: ['tpm', 'x509'],
        keyAlgorithms: ['p256'],
        finishing: ['retire', 'lock'],
        isLocked,
        holdsCredential: chain.length > 0,
      };
    },
    async tpmTransmit(command): Promise<Result<Uint8Array>> {
      asked.push('tpm');
      await gate;
      return ok(sha256(command));
    },
    async generateKey(requestId, algorithm): Promise<Result<Uint8Array>> {
      asked.push(`key ${algorithm}`);
      await gate;
      keys += 1;
      return algorithm === 'p256'
        ? ok(sha256(new TextEncoder().encode(`${requestId} ${String(keys)}`)))
        : failed({ code: 'no-rsa', say: 'only P-256 here', hint: 'choose p256' });
    },
    async createCsr(_requestId, subjectCommonName) {
      asked.push(`csr ${subjectCommonName}`);
      return ok(new TextEncoder().encode(`CSR for ${subjectCommonName}`));
    },
    async storeCertificates(next) {
      asked.push('certificates');
      chain = next;
      state = 'written';
      return ok();
    },
    certificates: async () => ok(chain),
    async storeSettings(next) {
      asked.push('settings');
      settings = next;
      return ok();
    },
    settings: async () => ok(settings),
    async retire() {
      asked.push('retire');
      return ok();
    },
    async lock() {
      asked.push('lock');
      await gate;
      isLocked = true;
      return ok();
    },
    async boot() {
      asked.push('boot');
      state = 'booting';
      return ok();
    },
    status: async () => ({ state }),
  };
}

/** What survives a device's restart. */
export function testMemory(): LinkMemory & { bytes: Uint8Array | undefined } {
  return {
    bytes: undefined,
    async load() {
      return this.bytes;
    },
    async save(bytes) {
      this.bytes = bytes.slice();
    },
  };
}

/** A DER SEQUENCE of `length` bytes of content: enough of a certificate for a link. */
export function derSequence(length: number, fill: number): Uint8Array {
  const head = length < 128 ? [0x30, length] : [0x30, 0x82, length >> 8, length & 255];
  return Uint8Array.from([...head, ...new Array<number>(length).fill(fill)]);
}
