/** Writes one key with its certificates as PKCS#12 (RFC 7292): PBES2 with AES-256, MAC with SHA-256, as OpenSSL 3 does. */
import { createCipheriv, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { CertBag, id_certBag, id_pkcs8ShroudedKeyBag, MacData, PFX, SafeBag, SafeContents } from '@peculiar/asn1-pfx';
import { id_x509Certificate } from '@peculiar/asn1-pfx';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier } from '@peculiar/asn1-x509';
import forge from 'node-forge';
import type { Random } from '../../lib/base/random.ts';
import { der, derOid, derUnsigned, tag } from '../../lib/x509/der.ts';
import type { CertificateChain } from '../../lib/x509/types.ts';
import { uint32 } from '../../lib/base/bytes.ts';

export interface Pkcs12Request {
  /** PKCS#8 DER. */
  readonly privateKey: Uint8Array;
  /** The certificate of the key first. */
  readonly chain: CertificateChain;
  readonly passphrase: string;
}

const oid = {
  data: '1.2.840.113549.1.7.1',
  sha256: '2.16.840.1.101.3.4.2.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
} as const;
const derNull = Uint8Array.of(0x05, 0x00);
// The passphrase is random here, so that stretching adds little; OpenSSL's own 2,048 keeps opening in pure JavaScript short.
const iterations = 2_048;
const derive = promisify(pbkdf2);

export async function writePkcs12(request: Pkcs12Request, random: Random): Promise<Uint8Array> {
  const keyBag = new SafeBag({
    bagId: id_pkcs8ShroudedKeyBag,
    bagValue: arrayBuffer(await shroudedKey(request, random)),
  });
  const certificateBags = request.chain.map((certificate) => {
    const bag = new CertBag({ certId: id_x509Certificate, certValue: arrayBuffer(der(tag.octetString, certificate)) });
    return new SafeBag({ bagId: id_certBag, bagValue: AsnConvert.serialize(bag) });
  });
  const contents = AsnConvert.serialize(new SafeContents([keyBag, ...certificateBags]));
  const safe = der(tag.sequence, dataContent(new Uint8Array(contents)));
  const file = new PFX({ version: 3 });
  file.authSafe.contentType = oid.data;
  file.authSafe.content = arrayBuffer(der(tag.octetString, safe));
  file.macData = macOver(safe, request.passphrase, random);
  return new Uint8Array(AsnConvert.serialize(file));
}

function dataContent(content: Uint8Array): Uint8Array {
  return der(tag.sequence, derOid(oid.data), der(tag.context0, der(tag.octetString, content)));
}

/** EncryptedPrivateKeyInfo (RFC 5958) under PBES2 (RFC 8018 section 6.2). */
async function shroudedKey(request: Pkcs12Request, random: Random): Promise<Uint8Array> {
  const salt = random.bytes(16);
  const iv = random.bytes(16);
  const key = await derive(request.passphrase, salt, iterations, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const encrypted = Buffer.concat([cipher.update(request.privateKey), cipher.final()]);
  key.fill(0);
  const prf = der(tag.sequence, derOid(oid.hmacSha256), derNull);
  const parameters = der(tag.sequence, der(tag.octetString, salt), derUnsigned(uint32(iterations)), prf);
  const scheme = der(
    tag.sequence,
    der(tag.sequence, derOid(oid.pbkdf2), parameters),
    der(tag.sequence, derOid(oid.aes256Cbc), der(tag.octetString, iv)),
  );
  return der(tag.sequence, der(tag.sequence, derOid(oid.pbes2), scheme), der(tag.octetString, encrypted));
}

/** RFC 7292 section 4 with the key derivation of its appendix B (purpose 3: a MAC key). */
function macOver(content: Uint8Array, passphrase: string, random: Random): MacData {
  const salt = random.bytes(16);
  const saltBuffer = forge.util.createBuffer(Buffer.from(salt).toString('latin1'));
  const derived = forge.pkcs12.generateKey(passphrase, saltBuffer, 3, iterations, 32, forge.md.sha256.create());
  const key = Buffer.from(derived.getBytes(), 'latin1');
  const mac = new MacData({ macSalt: new OctetString(salt), iterations });
  mac.mac.digestAlgorithm = new AlgorithmIdentifier({ algorithm: oid.sha256, parameters: null });
  mac.mac.digest = new OctetString(createHmac('sha256', key).update(content).digest());
  key.fill(0);
  return mac;
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
