/** Numbers of TPM 2.0 Library, Part 2, that are used here. */

/** TPM_ALG_ID (Part 2, clause 6.3). */
export const alg = {
  rsa: 0x0001,
  sha1: 0x0004,
  hmac: 0x0005,
  aes: 0x0006,
  mgf1: 0x0007,
  keyedHash: 0x0008,
  xor: 0x000a,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  null: 0x0010,
  sm4: 0x0013,
  rsassa: 0x0014,
  rsaes: 0x0015,
  rsapss: 0x0016,
  oaep: 0x0017,
  ecdsa: 0x0018,
  ecdh: 0x0019,
  ecdaa: 0x001a,
  sm2: 0x001b,
  ecSchnorr: 0x001c,
  ecmqv: 0x001d,
  kdf1Sp80056a: 0x0020,
  kdf2: 0x0021,
  kdf1Sp800108: 0x0022,
  ecc: 0x0023,
  camellia: 0x0026,
  cfb: 0x0043,
} as const;

/** TPM_CC (Part 2, clause 6.5.2). */
export const cc = {
  evictControl: 0x120,
  createPrimary: 0x131,
  sequenceComplete: 0x13e,
  selfTest: 0x143,
  startup: 0x144,
  activateCredential: 0x147,
  nvRead: 0x14e,
  policySecret: 0x151,
  hmac: 0x155,
  import: 0x156,
  load: 0x157,
  hmacStart: 0x15b,
  sequenceUpdate: 0x15c,
  flushContext: 0x165,
  nvReadPublic: 0x169,
  readPublic: 0x173,
  startAuthSession: 0x176,
  getCapability: 0x17a,
  getRandom: 0x17b,
} as const;

/** TPM_ST (Part 2, clause 6.9). */
export const st = { noSessions: 0x8001, sessions: 0x8002 } as const;

/** TPM_RH (Part 2, clause 7.4). */
export const rh = {
  owner: 0x40000001,
  null: 0x40000007,
  password: 0x40000009,
  endorsement: 0x4000000b,
  platform: 0x4000000c,
} as const;

/** TPM_CAP and TPM_PT (Part 2, clauses 6.12 and 6.13). */
export const cap = { handles: 1, tpmProperties: 6 } as const;
export const pt = {
  manufacturer: 0x105,
  vendorString1: 0x106,
  firmwareVersion1: 0x10b,
  firmwareVersion2: 0x10c,
  inputBuffer: 0x10d,
  nvBufferMax: 0x12c,
} as const;

/** First handle of each kind (Part 2, clause 7.2). */
export const handleRange = {
  hmacSession: 0x02000000,
  policySession: 0x03000000,
  transient: 0x80000000,
  persistent: 0x81000000,
} as const;

/** Where Azure's device clients keep their keys (dps-wire section 4.1), and the RSA EK certificate (TCG EK profile). */
export const wellKnown = {
  srkHandle: 0x81000001,
  identityKeyHandle: 0x81000100,
  ekHandle: 0x81010001,
  ekCertificateIndex: 0x01c00002,
} as const;
