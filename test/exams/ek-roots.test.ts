/** TPM vendors' roots from a folder, against the endorsement certificate that a software TPM carries. */
import { createPublicKey } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSoftwareTpm } from '../../src-main/agent/tpm/software-tpm.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { type Result, must } from '../../src-main/lib/base/result.ts';
import { type TpmIdentity, readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { decodeStorageKey } from '../../src-main/lib/tpm/templates.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { createEndorsementCheck } from '../../src-main/station/drivers/endorsement-check.ts';
import { loadEkRoots } from '../../src-main/station/ek-roots.ts';
import { type OpenSsl, makeHierarchy, openSsl } from './openssl.ts';

let vendor: OpenSsl;
let stranger: OpenSsl;
let stateFile: string;

beforeAll(() => {
  vendor = openSsl();
  stranger = openSsl();
  makeHierarchy(vendor, 'rsa2048');
  makeHierarchy(stranger, 'rsa2048');
  stateFile = vendor.path('tpm.json');
});
afterAll(() => {
  vendor.remove();
  stranger.remove();
});

/** The identity that the station reads of the same TPM, with this certificate in its NV memory. */
async function identityWith(ekCertificate?: Uint8Array): Promise<TpmIdentity> {
  const options = ekCertificate === undefined ? { stateFile } : { stateFile, ekCertificate };
  const opened = must(await openSoftwareTpm(options, systemClock));
  const identity = must(await readTpmIdentity(createTpm(opened.transport, systemClock)));
  await opened.close();
  return identity;
}

/** As a vendor does: an intermediate of its own certifies the key, with the usage that the TCG profile asks for. */
function endorsementCertificate(maker: OpenSsl, endorsementKey: Uint8Array): Uint8Array {
  const n = Buffer.from(must(decodeStorageKey(endorsementKey)).modulus).toString('base64url');
  const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
  maker.put('ek.pub', key.export({ type: 'spki', format: 'pem' }).toString());
  maker.put('ek.ext', 'keyUsage=critical,keyEncipherment\nextendedKeyUsage=2.23.133.8.1\nbasicConstraints=CA:FALSE\n');
  const issuer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-extfile', 'ek.ext', '-days', '40'];
  const request = ['-new', '-force_pubkey', 'ek.pub', '-subj', '/CN=TPM', ...issuer];
  maker.run('x509', ...request, '-outform', 'DER', '-out', 'ek.der');
  return maker.get('ek.der');
}

async function folderWith(name: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = vendor.path(name);
  await mkdir(folder);
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
  return folder;
}

const codeOf = (result: Result<unknown>): string => (result.ok ? 'no fault' : result.fault.code);

describe('the folder of TPM vendor certificates', () => {
  it('lets a TPM pass under `require` when its vendor is in it, and not that of a stranger', async () => {
    const { ek } = await identityWith();
    vendor.run('x509', '-in', 'ca.pem', '-outform', 'DER', '-out', 'ca.der');
    const files = { 'root.pem': vendor.get('root.pem'), 'issuing.CER': vendor.get('ca.der'), 'README.txt': 'no' };
    const folder = await folderWith('roots', files);
    const roots = must(await loadEkRoots([{ path: folder, isOptional: false }]));
    expect(roots).toHaveLength(2);
    const judge = async (roots_: readonly Uint8Array[], certificate: Uint8Array) => {
      const identity = await identityWith(certificate);
      const asked = { ...identity, endorsementKey: identity.ek, storageRootKey: identity.srk, registrationId: 'x' };
      return codeOf(await createEndorsementCheck(roots_, systemClock).check(asked, 'require'));
    };
    const own = endorsementCertificate(vendor, ek);
    expect(await judge(roots, own)).toBe('no fault');
    expect(await judge(roots, endorsementCertificate(stranger, ek))).toBe('ek-certificate-untrusted');
    // Not the unit's fault.
    expect(await judge([], own)).toBe('ek-roots-missing');
  });

  it('may be missing when nobody named it, and not when somebody did', async () => {
    const path = vendor.path('nowhere');
    expect(must(await loadEkRoots([{ path, isOptional: true }]))).toEqual([]);
    const refused = await loadEkRoots([{ path, isOptional: false }]);
    expect(refused).toMatchObject({ fault: { code: 'ek-roots-unreadable', detail: { folder: path } } });
  });

  it.each([
    ['is not a certificate', 'a.crt', 'hello'],
    ['holds a key only', 'b.pem', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
    ['is empty', 'c.cer', ''],
    ['is too large', 'd.pem', ' '.repeat(1_048_577)],
  ])('names the file that %s', async (_what, name, content) => {
    const folder = await folderWith(`broken-${name}`, { 'good.pem': vendor.get('root.pem'), [name]: content });
    const refused = await loadEkRoots([{ path: folder, isOptional: true }]);
    expect(refused).toMatchObject({ fault: { code: 'ek-root-broken', detail: { file: join(folder, name) } } });
  });

  it('has a bound on its files', async () => {
    const names = Array.from({ length: 1_025 }, (_, at) => [`${at}.pem`, 'x'] as const);
    const folder = await folderWith('crowd', Object.fromEntries(names));
    const refused = await loadEkRoots([{ path: folder, isOptional: false }]);
    expect(refused).toMatchObject({ fault: { code: 'ek-roots-too-many', detail: { limit: 1_024 } } });
  });
});
