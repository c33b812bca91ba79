/**
 * The check values of dps-wire section 4, and an RSA-OAEP round trip, as a plain function: vitest runs it on Node, and
 * test/runtime inside Electron, whose crypto is another library (BoringSSL).
 */
import { constants, createHash, generateKeyPairSync, type KeyObject, privateDecrypt } from 'node:crypto';
import { concatBytes, fromHex, toHex, utf8 } from '../../src-main/lib/base/bytes.ts';
import { must } from '../../src-main/lib/base/result.ts';
import {
  activationBlob,
  makeCredential,
  splitActivationBlob,
  wrapCredential,
  wrapDuplicate,
} from '../../src-main/lib/tpm/credential.ts';
import { decryptCfb } from '../../src-main/lib/tpm/protection.ts';
import { objectName } from '../../src-main/lib/tpm/public-area.ts';
import { registrationIdFromEk } from '../../src-main/lib/tpm/registration-id.ts';
import { ekPublic, srkPublic } from '../../src-main/lib/tpm/templates.ts';

const count = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, at) => first + at);
const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const modulusOf = (factor: number, offset: number): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, at) => ((factor * at + offset) & 255) | (at === 0 ? 0x80 : 0));

export const vectorEk: Uint8Array = ekPublic(modulusOf(7, 3));
export const vectorSrk: Uint8Array = srkPublic(modulusOf(5, 1));

const ekHeaderHex =
  '013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa' +
  '0006008000430010080000000000' +
  '0100';
const srkHeaderHex = '011a0001000b0003047200000006008000430010080000000000' + '0100';

const seed = count(32);
const innerKey = count(16, 0xa0);
const obfuscation = filled(32, 0x55);
const hmacKey = count(32);
const duplicateSeed = filled(32, 0x77);

function headerChecks(): [string, string, string][] {
  return [
    ['EK header', toHex(vectorEk.subarray(0, 60)), ekHeaderHex],
    ['EK size', String(vectorEk.length), '316'],
    ['SRK header', toHex(vectorSrk.subarray(0, 28)), srkHeaderHex],
    ['SRK size', String(vectorSrk.length), '284'],
    ['registration id', registrationIdFromEk(vectorEk), 'atxqwr7ogzryxx3aqcpxrygznccs6famiv34f5mophiqoabzpxpq'],
  ];
}

function credentialChecks(): [string, string, string][] {
  const name = must(objectName(vectorSrk));
  const wrapped = wrapCredential({ name, credential: innerKey, seed });
  return [
    ['Name(SRK)', toHex(name), '000b12c39bd372d9393fc7e5b9128cdda4c71037c41d093fe068475b0f28b3aa6512'],
    ['kE', toHex(wrapped.storageKey), 'd29047a707809515115f335daa18d3b3'],
    ['encId', toHex(wrapped.encryptedIdentity), 'd1f84ca0290f1e1144454b965f5d55d4a8a9'],
    ['kH', toHex(wrapped.integrityKey), 'bacf689f634ece301e1f1b15b072d9c87db6a69585db42b1a0cb8f73ebe2692e'],
    ['integrity', toHex(wrapped.integrity), 'c9862c19df428a069beff2a73d515187e97692963ef05a2ed7a05d6c769032d3'],
    ['id object size', String(wrapped.idObject.length), '54'],
  ];
}

function duplicateChecks(): [string, string, string][] {
  const wrapped = must(wrapDuplicate({ innerKey, hmacKey, obfuscation, seed: duplicateSeed }));
  return [
    [
      'id key public',
      toHex(wrapped.publicArea),
      '00300008000b0004044000000005000b002035cfece37eb16e60c3b4df2b4f479df8e864973862f7ddbb5e56fed38b2b39e4',
    ],
    [
      'Name(id key)',
      toHex(wrapped.name),
      '000b24ec29ec9078adb92464cd04cb154e75fc68e838f4c0748d4e0a2d4926593d6c',
    ],
    ['inner', toHex(wrapped.inner.subarray(0, 24)), 'b8a230fe54ccee54cdf8f03c911efd23510d5eba4f2c1b3f'],
    ['inner size', String(wrapped.inner.length), '108'],
    ['private size', String(wrapped.duplicate.length), '144'],
    [
      'private',
      createHash('sha256').update(wrapped.duplicate).digest('hex'),
      '253b0b343663050d544dc70a0f4117478cecb891e365e9215055df2cbf79e8d5',
    ],
  ];
}

/** OAEP makes its own padding, so it is checked by opening what was closed. */
function oaepChecks(): [string, string, string][] {
  const ek = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const srk = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ekArea = ekPublic(modulusFromKey(ek.publicKey));
  const srkArea = srkPublic(modulusFromKey(srk.publicKey));
  const name = must(objectName(srkArea));
  const credential = must(makeCredential({ ek: ekArea, name, credential: innerKey, seed }));
  const uri = 'hub-a.example.net/devices/1';
  const blob = must(
    activationBlob({
      ek: ekArea,
      srk: srkArea,
      innerKey,
      hmacKey,
      obfuscation,
      credentialSeed: seed,
      duplicateSeed,
      uri,
    }),
  );
  const parts = must(splitActivationBlob(blob));
  return [
    ['credential seed', open(ek.privateKey, 'IDENTITY', credential.encryptedSecret), toHex(seed)],
    ['blob size', String(blob.length), '793'],
    ['blob credential seed', open(ek.privateKey, 'IDENTITY', parts.encryptedSecret), toHex(seed)],
    ['blob duplicate seed', open(srk.privateKey, 'DUPLICATE', parts.encryptedSeed), toHex(duplicateSeed)],
    ['blob uri', toHex(decryptCfb(innerKey, parts.encryptedUri.subarray(2))), toHex(utf8(uri))],
    [
      'blob parts',
      toHex(
        concatBytes(
          parts.idObject,
          parts.encryptedSecret,
          parts.duplicate,
          parts.encryptedSeed,
          parts.publicArea,
          parts.encryptedUri,
        ),
      ),
      toHex(blob),
    ],
  ];
}

function modulusFromKey(key: KeyObject): Uint8Array {
  return Uint8Array.from(Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url'));
}

function open(key: KeyObject, label: string, secret: Uint8Array): string {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const oaepLabel = Buffer.from(`${label}\0`);
  return toHex(privateDecrypt({ key, padding, oaepHash: 'sha256', oaepLabel }, secret.subarray(2)));
}

/** What differs from the check values; empty when everything agrees. */
export function checkTpmVectors(): string[] {
  if (fromHex(ekHeaderHex)?.length !== 60) return ['the EK header of the vectors is not 60 bytes'];
  return [headerChecks, credentialChecks, duplicateChecks, oaepChecks].flatMap((check) =>
    check()
      .filter(([, got, want]) => got !== want)
      .map(([what, got, want]) => `${what}: got ${got}, want ${want}`),
  );
}
