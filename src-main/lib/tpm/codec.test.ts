import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, uint16, uint32 } from '../base/bytes.ts';
import { manualClock } from '../base/clock.ts';
import { must, ok } from '../base/result.ts';
import { checkTpmVectors, vectorEk, vectorSrk } from '../../../test/vectors/tpm-vectors.ts';
import { alg } from './constants.ts';
import {
  activationBlob,
  duplicate,
  makeCredential,
  maxActivationBlobBytes,
  splitActivationBlob,
} from './credential.ts';
import { decodePublic, encodePublic, objectName, type PublicArea } from './public-area.ts';
import { ekPublic, decodeStorageKey } from './templates.ts';
import { createTpm, type Tpm } from './tpm.ts';

const runs = { numRuns: 300 };
const word = fc.integer({ min: 0, max: 0xffff });
const long = fc.integer({ min: 0, max: 0xffffffff });
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const common = { nameAlg: word, attributes: long, authPolicy: bytes(64) };
const scheme = fc.oneof(
  fc.record({ algorithm: fc.constantFrom(alg.null, alg.rsaes) }),
  fc.record({ algorithm: fc.constantFrom(alg.rsassa, alg.oaep, alg.ecdsa, alg.hmac, alg.kdf2), hash: word }),
  fc.record({ algorithm: fc.constantFrom(alg.ecdaa, alg.xor), hash: word, extra: word }),
);
const symmetric = fc.record({ algorithm: fc.constantFrom(alg.aes, alg.camellia), keyBits: word, mode: word });
const area: fc.Arbitrary<PublicArea> = fc.oneof(
  fc.record(
    {
      type: fc.constant('rsa' as const),
      ...common,
      symmetric,
      scheme,
      keyBits: word,
      exponent: long,
      modulus: bytes(512),
    },
    { requiredKeys: ['type', 'nameAlg', 'attributes', 'authPolicy', 'scheme', 'keyBits', 'exponent', 'modulus'] },
  ),
  fc.record({
    type: fc.constant('ecc' as const),
    ...common,
    scheme,
    curve: word,
    kdf: scheme,
    x: bytes(66),
    y: bytes(66),
  }),
  fc.record({ type: fc.constant('keyed-hash' as const), ...common, scheme, unique: bytes(64) }),
);

describe('check values of dps-wire section 4', () => {
  it('agree to the byte', () => {
    expect(checkTpmVectors()).toEqual([]);
  });
});

describe('TPM2B_PUBLIC', () => {
  it('comes back as it went, for every kind of key', () => {
    fc.assert(
      fc.property(area, (one) => {
        expect(must(decodePublic(encodePublic(one)))).toEqual(one);
      }),
      runs,
    );
  });

  it('reads any bytes to the end or refuses them, and what it reads it writes the same', () => {
    fc.assert(
      fc.property(bytes(400), (any) => {
        const read = decodePublic(any);
        expect(read.ok ? encodePublic(read.value) : any).toEqual(any);
      }),
      runs,
    );
  });

  it('refuses every cut of a real one, and every byte too many', () => {
    const cuts = Array.from({ length: vectorEk.length }, (_, at) => decodePublic(vectorEk.subarray(0, at)).ok);
    expect(cuts).not.toContain(true);
    expect(decodePublic(concatBytes(vectorEk, Uint8Array.of(0)))).toMatchObject({
      fault: { code: 'tpm-public-malformed' },
    });
  });

  it('has no name under a hash nobody knows', () => {
    const odd = encodePublic({ ...must(decodeStorageKey(vectorEk)), nameAlg: 0x7777 });
    expect(objectName(odd)).toMatchObject({ fault: { code: 'tpm-key-unsupported' } });
  });
});

describe('activation blob', () => {
  it('splits any bytes or refuses them', () => {
    fc.assert(
      fc.property(bytes(1_200), (any) => {
        const split = splitActivationBlob(any);
        const parts: Uint8Array[] = split.ok ? Object.values({ ...split.value }) : [any];
        expect(concatBytes(...parts)).toEqual(any);
      }),
      runs,
    );
  });

  it('refuses what is longer than one TPM buffer', () => {
    const long = splitActivationBlob(new Uint8Array(maxActivationBlobBytes + 1));
    expect(long).toMatchObject({ fault: { code: 'tpm-blob-malformed' } });
  });

  const real = must(decodeStorageKey(vectorSrk));
  const p256 = encodePublic({
    ...{ type: 'ecc', nameAlg: alg.sha256, attributes: 0x300b2, authPolicy: new Uint8Array(32), curve: 3 },
    symmetric: { algorithm: alg.aes, keyBits: 128, mode: alg.cfb },
    ...{ scheme: { algorithm: alg.null }, kdf: { algorithm: alg.null } },
    ...{ x: new Uint8Array(32), y: new Uint8Array(32) },
  });
  it.each<[string, Uint8Array]>([
    ['a P-256 key', p256],
    ['an RSA-3072 key', encodePublic({ ...real, keyBits: 3_072, modulus: new Uint8Array(384).fill(0xff) })],
    ['a SHA-384 name', encodePublic({ ...real, nameAlg: alg.sha384 })],
    ['AES-256', encodePublic({ ...real, symmetric: { algorithm: alg.aes, keyBits: 256, mode: alg.cfb } })],
    ['exponent 3', encodePublic({ ...real, exponent: 3 })],
  ])('refuses %s as the key to protect with', (_what, ek) => {
    const secret = new Uint8Array(32);
    const made = makeCredential({ ek, name: secret, credential: new Uint8Array(16), seed: secret });
    expect(made).toMatchObject({ fault: { code: 'tpm-key-unsupported' } });
  });

  it('refuses numbers that are no RSA modulus', () => {
    const secret = new Uint8Array(32);
    const input = { ek: ekPublic(), name: secret, credential: secret, seed: secret };
    expect(makeCredential(input)).toMatchObject({ fault: { code: 'tpm-key-unusable' } });
  });

  it.each(['innerKey', 'hmacKey', 'obfuscation', 'seed'] as const)('refuses a duplicate with a short %s', (short) => {
    const [key, secret] = [new Uint8Array(16), new Uint8Array(32)];
    const input = { srk: vectorSrk, innerKey: key, hmacKey: secret, obfuscation: secret, seed: secret };
    const made = duplicate({ ...input, [short]: new Uint8Array(15) });
    expect(made).toMatchObject({ fault: { code: 'tpm-secret-size' } });
  });

  it('refuses secrets of the wrong length', () => {
    const secret = new Uint8Array(32);
    const secrets = { hmacKey: secret, obfuscation: secret, credentialSeed: secret, duplicateSeed: secret, uri: '' };
    const blob = activationBlob({ ek: vectorEk, srk: vectorSrk, innerKey: new Uint8Array(32), ...secrets });
    expect(blob).toMatchObject({ fault: { code: 'tpm-secret-size', detail: { what: 'inner key' } } });
  });
});

const header = (tag: number, rc: number, body: Uint8Array): Uint8Array =>
  concatBytes(uint16(tag), uint32(10 + body.length), uint32(rc), body);

const methods: readonly ((tpm: Tpm) => Promise<unknown>)[] = [
  (tpm) => tpm.readPublic(0x81010001),
  (tpm) => tpm.createPrimary(0x4000000b, ekPublic()),
  (tpm) => tpm.readNv(0x01c00002),
  (tpm) => tpm.startPolicySession(),
  (tpm) =>
    tpm.importKey({
      parent: 1,
      ...{ innerKey: vectorEk, publicArea: vectorEk },
      duplicate: vectorEk,
      encryptedSeed: vectorEk,
    }),
  (tpm) => tpm.hmac(0x81000100, new Uint8Array(9)),
  (tpm) => tpm.handles(0x80000000),
  (tpm) => tpm.random(8),
];

describe('answers of a TPM', () => {
  it('never make a method throw, whatever their bytes are', async () => {
    const body = fc.tuple(fc.constantFrom(0x8001, 0x8002), fc.constantFrom(0, 0x18b, 0x922), bytes(80));
    const framed = body.map(([tag, rc, rest]) => header(tag, rc, rest));
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytes(60), framed), fc.nat(methods.length - 1), async (any, at) => {
        const clock = manualClock();
        const asked = methods[at]!(createTpm({ transmit: () => Promise.resolve(ok(any)) }, clock));
        for (let turn = 0; turn < 25; turn += 1) await clock.advance(2_000);
        await expect(asked).resolves.toHaveProperty('ok');
      }),
      { numRuns: 100 },
    );
  });

  it('are asked for again while the TPM is busy, and no longer than the bound', async () => {
    const clock = manualClock();
    let asked = 0;
    const busy = header(0x8001, 0x922, new Uint8Array(0));
    const tpm = createTpm({ transmit: () => Promise.resolve(ok(((asked += 1), busy))) }, clock);
    const answer = tpm.random(4);
    for (let turn = 0; turn < 30; turn += 1) await clock.advance(2_000);
    await expect(answer).resolves.toMatchObject({ fault: { code: 'tpm-busy', detail: { rcName: 'TPM_RC_RETRY' } } });
    expect(asked).toBe(19);
    expect(clock.pending).toBe(0);
  });

  it('lead to a start-up where the TPM asks for one', async () => {
    const sent: number[] = [];
    let isStarted = false;
    const tpm = createTpm(
      {
        transmit(command) {
          const code = new DataView(command.buffer, command.byteOffset).getUint32(6);
          sent.push(code);
          const rc = isStarted || code === 0x144 ? 0 : 0x100;
          isStarted ||= code === 0x144;
          const body = code === 0x17b && isStarted ? fromHex('0002abcd')! : new Uint8Array(0);
          return Promise.resolve(ok(header(0x8001, rc, body)));
        },
      },
      manualClock(),
    );
    expect(must(await tpm.random(2))).toEqual(Uint8Array.of(0xab, 0xcd));
    expect(sent).toEqual([0x17b, 0x144, 0x17b]);
  });

  it.each([
    [0x18b, 'tpm-handle-absent', 'TPM_RC_HANDLE of handle 1'],
    [0x1df, 'tpm-integrity', 'TPM_RC_INTEGRITY of parameter 1'],
    [0x9a2, 'tpm-auth-refused', 'TPM_RC_BAD_AUTH of session 1'],
    [0x99d, 'tpm-policy-refused', 'TPM_RC_POLICY_FAIL of session 1'],
    [0x911, 'tpm-handle-absent', 'TPM_RC_REFERENCE_H0'],
    [0x902, 'tpm-memory-full', 'TPM_RC_OBJECT_MEMORY'],
    [0x921, 'tpm-locked-out', 'TPM_RC_LOCKOUT'],
    [0x7ff, 'tpm-refused', '0x7ff'],
  ])('with code %i become the fault %s', async (rc, code, rcName) => {
    const refusal = header(0x8001, rc, new Uint8Array(0));
    const tpm = createTpm({ transmit: () => Promise.resolve(ok(refusal)) }, manualClock());
    expect(await tpm.random(1)).toMatchObject({ fault: { code, detail: { rc, rcName } } });
  });

  it('are not waited for once the work is cancelled, but flushing still happens', async () => {
    const stop = new AbortController();
    stop.abort();
    let sent = 0;
    const done = header(0x8001, 0, new Uint8Array(0));
    const tpm = createTpm({ transmit: () => Promise.resolve(ok(((sent += 1), done))) }, manualClock(), stop.signal);
    expect(await tpm.random(1)).toMatchObject({ fault: { code: 'tpm-cancelled' } });
    expect(sent).toBe(0);
    expect(await tpm.flush(0x80000000)).toEqual({ ok: true, value: undefined });
    expect(sent).toBe(1);
  });
});
