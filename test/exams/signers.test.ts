/** Signers from files that the openssl tool writes, and files of ours that it reads. */
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src-main/lib/base/bytes.ts';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { Result } from '../../src-main/lib/base/result.ts';
import { signatureHolds } from '../../src-main/lib/x509/signature.ts';
import { certificatesFromPem, certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import { generateKey } from '../../src-main/lib/x509/keys.ts';
import { createDemonstrationAuthority } from '../../src-main/station/signers/demonstration-authority.ts';
import { writePkcs12 } from '../../src-main/station/signers/pkcs12-write.ts';
import { openPkcs12Signer } from '../../src-main/station/signers/pkcs12-signer.ts';
import { makeHierarchy, openSsl } from './openssl.ts';
import type { OpenSsl } from './openssl.ts';

const parts = { clock: systemClock, random: systemRandom };
const dayMs = 86_400_000;

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'no fault' : result.fault.code;
}

const inShape = { p256: '1.2.840.10045.4.3.2', rsa2048: '1.2.840.113549.1.1.11' } as const;

describe.each(['p256', 'rsa2048'] as const)('a PKCS#12 file of openssl with a %s signer', (kind) => {
  let tool: OpenSsl;
  const exported = (name: string, ...words: string[]): Uint8Array => {
    tool.run('pkcs12', '-export', '-out', name, '-passout', 'pass:secret', ...words);
    return tool.get(name);
  };
  const intermediate = ['-inkey', 'ca.key', '-in', 'ca.pem'];

  beforeAll(() => {
    tool = openSsl();
    makeHierarchy(tool, kind);
  });
  afterAll(() => {
    tool.remove();
  });

  it.each([
    ['the default of OpenSSL 3 (PBES2 with AES-256, MAC with SHA-256)', []],
    ['the form of older tools (RC2, 3DES, MAC with SHA-1)', ['-legacy']],
    ['AES-128 and a MAC with SHA-512', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC', '-macalg', 'sha512']],
    ['certificates in the open', ['-certpbe', 'NONE']],
  ])('opens in %s', async (_form, words) => {
    const signer = must(openPkcs12Signer(exported('one.p12', ...intermediate, ...words), 'secret', systemClock));
    const message = utf8('hello');
    const signature = must(await signer.key.sign(message));
    const proof = { signed: message, algorithmOid: inShape[kind], signature };
    expect(signatureHolds(proof, signer.key.publicKey)).toBe(true);
    expect(signer).toMatchObject({
      commonName: 'Outside Intermediate',
      chain: [signer.certificate],
      id: signer.sha256,
    });
    expect(Object.keys(signer.key).sort()).toEqual(['algorithm', 'publicKey', 'sign']);
    const fingerprint = tool.run('x509', '-in', 'ca.pem', '-noout', '-fingerprint', '-sha256');
    expect(fingerprint.replaceAll(':', '').toLowerCase()).toContain(signer.sha256);
  });

  it.each([[[]], [['-legacy']]])('opens with a passphrase that has umlauts %j', (words) => {
    tool.run('pkcs12', '-export', '-out', 'u.p12', '-passout', 'pass:Grüße', ...intermediate, ...words);
    expect(codeOf(openPkcs12Signer(tool.get('u.p12'), 'Grüße', systemClock))).toBe('no fault');
    expect(codeOf(openPkcs12Signer(tool.get('u.p12'), 'Grüsse', systemClock))).toBe('signer-passphrase-wrong');
    expect(codeOf(openPkcs12Signer(tool.get('u.p12'), 'Grüßen', systemClock))).toBe('signer-passphrase-wrong');
  });

  it('puts the chain in order from several certificates', () => {
    const others = tool.put('others.pem', Buffer.concat([tool.get('root.pem')]));
    const signer = must(
      openPkcs12Signer(exported('b.p12', ...intermediate, '-certfile', others), 'secret', systemClock),
    );
    tool.put('chain.pem', certificatesToPem(signer.chain));
    expect(signer.chain).toHaveLength(2);
    expect(tool.run('verify', '-CAfile', 'root.pem', 'chain.pem')).toContain('OK');
  });

  it('says that the passphrase is wrong, and does not say what it was', () => {
    const file = exported('w.p12', ...intermediate);
    const refused = openPkcs12Signer(file, 'another-passphrase', systemClock);
    expect(codeOf(refused)).toBe('signer-passphrase-wrong');
    expect(JSON.stringify(refused)).not.toContain('another');
    expect(codeOf(openPkcs12Signer(exported('l.p12', ...intermediate, '-legacy'), '', systemClock))).toBe(
      'signer-passphrase-wrong',
    );
  });

  it('refuses a file without a key and one without a certificate', () => {
    expect(codeOf(openPkcs12Signer(exported('n.p12', '-nokeys', '-in', 'ca.pem'), 'secret', systemClock))).toBe(
      'signer-no-key',
    );
    const bare = exported('k.p12', '-nocerts', '-inkey', 'ca.key', '-in', 'ca.key');
    expect(codeOf(openPkcs12Signer(bare, 'secret', systemClock))).toBe('signer-no-certificate');
  });

  it('refuses a key that no certificate in the file is about, and a key of another kind', async () => {
    const stranger = await generateKey(kind);
    const chain = certificatesFromPem(tool.get('ca.pem').toString());
    const { privateKey } = stranger;
    const file = await writePkcs12({ privateKey, chain, passphrase: 'secret' }, systemRandom);
    expect(codeOf(openPkcs12Signer(file, 'secret', systemClock))).toBe('signer-key-mismatch');
    tool.run('req', '-x509', '-newkey', 'ed25519', '-noenc', '-keyout', 'e.key', '-out', 'e.pem', '-subj', '/CN=ed');
    const other = exported('e.p12', '-inkey', 'e.key', '-in', 'e.pem');
    expect(codeOf(openPkcs12Signer(other, 'secret', systemClock))).toBe('signer-key-refused');
  });

  it('refuses a leaf, an expired authority and one that is not valid yet', () => {
    tool.run(
      'req',
      '-x509',
      '-key',
      'ca.key',
      '-subj',
      '/CN=leaf',
      '-out',
      'leaf.pem',
      '-addext',
      'basicConstraints=CA:FALSE',
    );
    const leaf = exported('leaf.p12', '-inkey', 'ca.key', '-in', 'leaf.pem');
    expect(codeOf(openPkcs12Signer(leaf, 'secret', systemClock))).toBe('signer-not-authority');
    const file = exported('t.p12', ...intermediate);
    const at = (days: number) => manualClock(systemClock.nowMs() + days * dayMs);
    expect(codeOf(openPkcs12Signer(file, 'secret', at(51)))).toBe('signer-expired');
    expect(codeOf(openPkcs12Signer(file, 'secret', at(-1)))).toBe('signer-not-yet-valid');
    expect(codeOf(openPkcs12Signer(file, 'secret', at(1)))).toBe('no fault');
  });

  it('refuses noise, a cut file and a file that is too large', () => {
    const file = exported('c.p12', ...intermediate);
    expect(codeOf(openPkcs12Signer(file.subarray(0, file.length - 20), 'secret', systemClock))).toBe(
      'signer-file-malformed',
    );
    expect(codeOf(openPkcs12Signer(utf8('not a file'), 'secret', systemClock))).toBe('signer-file-malformed');
    expect(codeOf(openPkcs12Signer(new Uint8Array(200_000), 'secret', systemClock))).toBe('signer-file-too-large');
    const bent = Uint8Array.from(file, (byte, at) => (at === file.length - 200 ? byte ^ 1 : byte));
    expect(openPkcs12Signer(bent, 'secret', systemClock).ok).toBe(false);
  });
});

describe('the demonstration authority', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'benchline-signers-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is made once, opened again later, and readable by its owner alone', async () => {
    const request = { directory: join(folder, 'signers'), passphrase: 'demo' };
    const made = must(await createDemonstrationAuthority(request, parts));
    const again = must(await createDemonstrationAuthority(request, parts));
    expect([made.wasMade, again.wasMade]).toEqual([true, false]);
    expect(again.signer.sha256).toBe(made.signer.sha256);
    expect(again.signer.chain).toEqual([made.signer.certificate, made.root.certificate]);
    const names = readdirSync(request.directory).sort();
    expect(names).toEqual(['intermediate.p12', 'root.p12']);
    expect(names.map((name) => statSync(join(request.directory, name)).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it('writes files that openssl opens, and a chain that it accepts', async () => {
    const tool = openSsl();
    const request = { directory: join(folder, 'outside'), passphrase: 'Grüße' };
    const made = must(await createDemonstrationAuthority(request, parts));
    const file = join(request.directory, 'intermediate.p12');
    const text = tool.run('pkcs12', '-in', file, '-passin', 'pass:Grüße', '-noenc');
    expect(text).toContain('BEGIN PRIVATE KEY');
    const info = tool.attempt('pkcs12', '-in', file, '-passin', 'pass:Grüße', '-info', '-noout').text;
    expect(info).toMatch(/MAC: sha256[\s\S]*PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256/);
    tool.put('root.pem', certificatesToPem([made.root.certificate]));
    tool.put('ca.pem', certificatesToPem([made.signer.certificate]));
    expect(tool.run('verify', '-x509_strict', '-CAfile', 'root.pem', 'ca.pem')).toContain('OK');
    tool.remove();
  });

  it('goes on from the root when it was stopped before the intermediate was kept', async () => {
    const request = { directory: join(folder, 'stopped'), passphrase: 'demo' };
    const first = must(await createDemonstrationAuthority(request, parts));
    rmSync(join(request.directory, 'intermediate.p12'));
    const second = must(await createDemonstrationAuthority(request, parts));
    expect(second.root.sha256).toBe(first.root.sha256);
    expect(second.signer.chain[1]).toEqual(first.root.certificate);
  });

  it('names the folder as the reason when it cannot be used, and the passphrase when that is wrong', async () => {
    const request = { directory: join(folder, 'wrong'), passphrase: 'demo' };
    must(await createDemonstrationAuthority(request, parts));
    expect(codeOf(await createDemonstrationAuthority({ ...request, passphrase: 'other' }, parts))).toBe(
      'signer-passphrase-wrong',
    );
    chmodSync(join(request.directory, 'root.p12'), 0o600);
    const notAFolder = { directory: join(request.directory, 'root.p12'), passphrase: 'demo' };
    expect(codeOf(await createDemonstrationAuthority(notAFolder, parts))).toBe('signer-folder-unusable');
  });
});
