import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toBase64, utf8 } from '../lib/base/bytes.ts';
import { manualClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/host.ts';
import { failed, must, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import { createAuthority } from '../lib/x509/authority.ts';
import { createCredentialStore } from './credential-store.ts';
import { agentFault } from './faults.ts';
import { createSlots } from './slots.ts';
import { openStateFolder } from './state-folder.ts';
import type { StateFolder } from './state-folder.ts';

const codeOf = (result: Result<unknown>): string => (result.ok ? 'no fault' : result.fault.code);
const certificate = async (commonName: string) => {
  const plan = { commonName, algorithm: 'p256', validityDays: 1, pathLength: 0 } as const;
  return must(await createAuthority(plan, { clock: manualClock(), random: systemRandom }));
};

const keyOf = ({ privateKey }: { readonly privateKey: Uint8Array }) => ({ privateKey });

let path: string;
let folder: StateFolder;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'benchline-store-'));
  folder = must(await openStateFolder(path));
});
afterEach(() => {
  rmSync(path, { recursive: true, force: true });
});

/** A folder in memory whose power is cut after so many writes. */
function cutAfter(writes: number, files = new Map<string, Uint8Array>()): StateFolder {
  let left = writes;
  const power = failed(agentFault('agent-state-unwritable', { reason: 'power' }));
  return {
    path: '',
    read: (name) => Promise.resolve(ok(files.get(name))),
    write(name, bytes) {
      left -= 1;
      if (left < 0) return Promise.resolve(power);
      files.set(name, bytes);
      return Promise.resolve(ok());
    },
    remove(name) {
      left -= 1;
      if (left < 0) return Promise.resolve(power);
      files.delete(name);
      return Promise.resolve(ok());
    },
  };
}

describe('the state folder', () => {
  it('replaces a file whole, for its owner alone, and leaves no draft', async () => {
    must(await folder.write('thing', utf8('one')));
    must(await folder.write('thing', utf8('two')));
    expect(must(await folder.read('thing'))).toEqual(utf8('two'));
    expect(must(await folder.read('other'))).toBeUndefined();
    expect(readdirSync(path)).toEqual(['thing']);
    expect(statSync(join(path, 'thing')).mode & 0o777).toBe(0o600);
  });

  it('refuses a file that cannot be ours, and says when it cannot write', async () => {
    writeFileSync(join(path, 'huge'), new Uint8Array(200_000));
    expect(codeOf(await folder.read('huge'))).toBe('agent-state-unwritable');
    rmSync(path, { recursive: true });
    expect(codeOf(await folder.write('thing', utf8('one')))).toBe('agent-state-unwritable');
  });
});

describe('two slots', () => {
  it('give the last content that was written, whatever it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 100 }), { minLength: 1, maxLength: 5 }),
        async (contents) => {
          const slots = createSlots(cutAfter(1_000), 'thing');
          for (const content of contents) must(await slots.write(content));
          expect(must(await slots.read())).toEqual(contents.at(-1));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('give the old or the new content, wherever the power is cut', async () => {
    for (let writes = 0; writes <= 2; writes += 1) {
      const files = new Map<string, Uint8Array>();
      must(await createSlots(cutAfter(9, files), 'thing').write(utf8('old')));
      const written = await createSlots(cutAfter(writes, files), 'thing').write(utf8('new'));
      const held = must(await createSlots(cutAfter(0, files), 'thing').read());
      expect(held).toEqual(utf8(written.ok ? 'new' : 'old'));
    }
  });

  it('know a slot that has rotted, and can be written again', async () => {
    const slots = createSlots(folder, 'thing');
    must(await slots.write(utf8('content')));
    const file = join(path, 'thing.a');
    writeFileSync(
      file,
      Uint8Array.from(readFileSync(file), (byte, at) => (at === 34 ? byte ^ 1 : byte)),
    );
    expect(codeOf(await slots.read())).toBe('agent-state-damaged');
    must(await slots.write(utf8('again')));
    expect(must(await slots.read())).toEqual(utf8('again'));
  });
});

describe('the credential store', () => {
  it('holds nothing at first, and everything after it was opened again', async () => {
    const store = createCredentialStore(folder);
    expect(must(await store.credential())).toBeUndefined();
    expect(must(await store.settings())).toBeUndefined();
    const { certificate: leaf, privateKey } = await certificate('unit');
    must(await store.keepKey({ requestId: 'r', privateKey }));
    must(await store.keepCertificates([leaf]));
    const settings = { registrationId: 'u', idScope: 's', endpoint: 'e:1', trustedRoots: [leaf] };
    must(await store.keepSettings(settings));
    const again = createCredentialStore(must(await openStateFolder(path)));
    expect(must(await again.credential())).toEqual({ chain: [leaf], privateKey });
    expect(must(await again.settings())).toEqual(settings);
    expect(must(await again.madeKey())).toEqual({ requestId: 'r', privateKey });
  });

  it('keeps the key in use beside a newer one, and takes a certificate for either', async () => {
    const store = createCredentialStore(folder);
    const [first, second, stranger] = await Promise.all(['a', 'b', 'c'].map(certificate));
    must(await store.keepKey({ requestId: '1', privateKey: first!.privateKey }));
    must(await store.keepCertificates([first!.certificate]));
    must(await store.keepKey({ requestId: '2', privateKey: second!.privateKey }));
    expect(must(await store.credential())?.privateKey).toEqual(first!.privateKey);
    expect(codeOf(await store.keepCertificates([stranger!.certificate]))).toBe('agent-certificate-foreign');
    expect(codeOf(await store.keepCertificates([utf8('noise')]))).toBe('agent-certificate-unreadable');
    must(await store.keepCertificates([first!.certificate]));
    must(await store.keepCertificates([second!.certificate]));
    expect(must(await store.credential())?.privateKey).toEqual(second!.privateKey);
  });

  it('[LINK-7.2] drops every key and certificate that is not in use, wherever the power was cut before', async () => {
    const [old, made] = await Promise.all(['a', 'b'].map(certificate));
    for (let writes = 0; writes <= 2; writes += 1) {
      const files = new Map<string, Uint8Array>();
      const store = createCredentialStore(cutAfter(99, files));
      must(await store.keepKey({ requestId: '1', privateKey: old!.privateKey }));
      must(await store.keepCertificates([old!.certificate]));
      must(await store.keepKey({ requestId: '2', privateKey: made!.privateKey }));
      must(await store.keepCertificates([made!.certificate]));
      // Made, and never given a certificate.
      must(await store.keepKey({ requestId: '3', privateKey: old!.privateKey }));
      const cut = await createCredentialStore(cutAfter(writes, files)).retire();
      expect(cut.ok).toBe(writes === 2);
      must(await createCredentialStore(cutAfter(99, files)).retire());
      expect(must(await store.credential())).toEqual({ chain: [made!.certificate], ...keyOf(made!) });
      const flash = [...files.values()].map((bytes) => Buffer.from(bytes).toString('latin1')).join('\n');
      expect(flash).toContain(toBase64(made!.privateKey));
      expect(flash).not.toContain(toBase64(old!.privateKey));
    }
  });

  it('[LINK-7.3] is locked for ever, and was not before', async () => {
    const store = createCredentialStore(folder);
    expect(must(await store.isLocked())).toBe(false);
    must(await store.lock());
    expect(must(await createCredentialStore(must(await openStateFolder(path))).isLocked())).toBe(true);
  });

  it('says that its key is damaged rather than using it', async () => {
    writeFileSync(join(path, 'key.json'), '{"requestId":"r","privateKey":"?"}');
    expect(codeOf(await createCredentialStore(folder).madeKey())).toBe('agent-state-damaged');
  });
});
