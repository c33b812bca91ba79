/** What every TPM behind our port must do; swtpm and the software TPM sit the same exam. */
import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OpenedTpm } from '../../src-main/agent/tpm/opened-tpm.ts';
import { concatBytes } from '../../src-main/lib/base/bytes.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { rh, wellKnown } from '../../src-main/lib/tpm/constants.ts';
import { type ActivationElements, activationBlob, splitActivationBlob } from '../../src-main/lib/tpm/credential.ts';
import { activateIdentityKey, hmacWithIdentityKey } from '../../src-main/lib/tpm/identity-key.ts';
import { provePossession, readTpmIdentity, type TpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../src-main/lib/tpm/registration-id.ts';
import { ekTemplate } from '../../src-main/lib/tpm/templates.ts';
import { createTpm, type Tpm } from '../../src-main/lib/tpm/tpm.ts';

/** Opens the TPM whose state lies in `folder`, with this certificate in its NV memory. */
export type OpenTpmForExam = (folder: string, ekCertificate?: Uint8Array) => Promise<OpenedTpm>;

const transientHandles = 0x80000000;
const sessionHandles = 0x02000000;

export function tpmExam(name: string, open: OpenTpmForExam): void {
  let folder = '';
  let opened: OpenedTpm[] = [];
  const tpmAt = async (place: string, ekCertificate?: Uint8Array): Promise<Tpm> => {
    const one = await open(join(folder, place), ekCertificate);
    opened.push(one);
    return createTpm(one.transport, systemClock);
  };
  const closeAll = async (): Promise<void> => {
    for (const one of opened.splice(0)) await one.close();
  };

  beforeEach(async () => {
    opened = [];
    folder = await mkdtemp(join(tmpdir(), 'tpm-exam-'));
  });
  afterEach(async () => {
    await closeAll();
    await rm(folder, { recursive: true, force: true });
  });

  describe(`${name}: identity`, () => {
    it('is made from the templates once and is the same when read again', async () => {
      const tpm = await tpmAt('a');
      const first = must(await readTpmIdentity(tpm));
      const second = must(await readTpmIdentity(tpm));
      expect([first.ekSource, first.srkSource]).toEqual(['template', 'template']);
      expect(second).toEqual({ ...first, ekSource: 'persistent', srkSource: 'persistent' });
      expect([first.ek.length, first.srk.length]).toEqual([316, 284]);
      expect(registrationIdFromEk(first.ek)).toMatch(/^[a-z2-7]{52}$/);
    });

    it('survives a restart, and the template still gives the same key', async () => {
      const before = must(await readTpmIdentity(await tpmAt('a')));
      await closeAll();
      const tpm = await tpmAt('a');
      const after = must(await readTpmIdentity(tpm));
      const again = must(await tpm.createPrimary(rh.endorsement, ekTemplate));
      await tpm.flush(again.handle);
      expect([after.ek, after.srk, again.publicArea]).toEqual([before.ek, before.srk, before.ek]);
    });

    it('differs between two TPMs', async () => {
      const [one, other] = [await tpmAt('a'), await tpmAt('b')];
      const [left, right] = [must(await readTpmIdentity(one)), must(await readTpmIdentity(other))];
      expect(left.ek).not.toEqual(right.ek);
    });

    it('comes with the EK certificate, read in pieces and without its padding, or without one', async () => {
      const certificate = syntheticCertificate(1_700);
      const tpm = await tpmAt('a', concatBytes(certificate, new Uint8Array(40).fill(0xff)));
      expect(must(await readTpmIdentity(tpm)).ekCertificate).toEqual(certificate);
      expect(must(await readTpmIdentity(await tpmAt('b'))).ekCertificate).toBeUndefined();
    });

    it('is not found at a handle that holds nothing', async () => {
      const tpm = await tpmAt('a');
      expect(await tpm.readPublic(0x81000042)).toMatchObject({ fault: { code: 'tpm-handle-absent' } });
    });
  });

  describe(`${name}: possession`, () => {
    it('is proven by the TPM that holds the keys', async () => {
      const tpm = await tpmAt('a');
      const identity = must(await readTpmIdentity(tpm));
      expect(await provePossession(tpm, identity, systemRandom)).toEqual({ ok: true, value: undefined });
    });

    it('is refused when the EK or the SRK is that of another TPM', async () => {
      const [tpm, other] = [await tpmAt('a'), await tpmAt('b')];
      const [mine, theirs] = [must(await readTpmIdentity(tpm)), must(await readTpmIdentity(other))];
      const unproven = { ok: false, fault: { code: 'tpm-possession-unproven' } };
      expect(await provePossession(tpm, { ek: theirs.ek, srk: mine.srk }, systemRandom)).toMatchObject(unproven);
      expect(await provePossession(tpm, { ek: mine.ek, srk: theirs.srk }, systemRandom)).toMatchObject(unproven);
      expect(await leftovers(tpm)).toEqual([]);
      expect((await provePossession(tpm, mine, systemRandom)).ok).toBe(true);
    });
  });

  describe(`${name}: identity key`, () => {
    it('is activated, signs as the host does at every length, and survives a restart', async () => {
      const tpm = await tpmAt('a');
      const { blob, hmacKey } = blobFor(must(await readTpmIdentity(tpm)));
      expect(must(await activateIdentityKey(tpm, blob)).handle).toBe(wellKnown.identityKeyHandle);
      for (const length of [1, 1_023, 1_024, 1_025, 2_048, 5_000]) await expectSigns(tpm, hmacKey, length);
      await closeAll();
      await expectSigns(await tpmAt('a'), hmacKey, 100);
    });

    it('gives way to the next one', async () => {
      const tpm = await tpmAt('a');
      const identity = must(await readTpmIdentity(tpm));
      must(await activateIdentityKey(tpm, blobFor(identity).blob));
      const next = blobFor(identity);
      must(await activateIdentityKey(tpm, next.blob));
      await expectSigns(tpm, next.hmacKey, 64);
    });

    it('is kept when a damaged blob is refused, whichever element is damaged', async () => {
      const tpm = await tpmAt('a');
      const identity = must(await readTpmIdentity(tpm));
      const good = blobFor(identity);
      must(await activateIdentityKey(tpm, good.blob));
      const refused: Record<string, string> = {};
      for (const element of protectedElements) {
        const answer = await activateIdentityKey(tpm, damaged(blobFor(identity).blob, element));
        refused[element] = answer.ok ? 'accepted' : answer.fault.code;
      }
      // Whether a secret for another key fails as a value or as an integrity is each TPM's own.
      const seedRefused = /^tpm-(integrity|value-refused)$/;
      expect(refused['encryptedSecret']).toMatch(seedRefused);
      expect(refused['encryptedSeed']).toMatch(seedRefused);
      const sealed = (['idObject', 'duplicate', 'publicArea'] as const).map((element) => refused[element]);
      expect(sealed).toEqual(['tpm-integrity', 'tpm-integrity', 'tpm-integrity']);
      expect(await leftovers(tpm)).toEqual([]);
      await expectSigns(tpm, good.hmacKey, 64);
    });

    it('names the parameter that the TPM refused', async () => {
      const tpm = await tpmAt('a');
      const { blob } = blobFor(must(await readTpmIdentity(tpm)));
      expect(await activateIdentityKey(tpm, damaged(blob, 'idObject'))).toMatchObject({
        fault: { detail: { rc: 0x1df, rcName: 'TPM_RC_INTEGRITY of parameter 1', command: '0x147' } },
      });
      expect(await activateIdentityKey(tpm, damaged(blob, 'duplicate'))).toMatchObject({
        fault: { detail: { rc: 0x3df, rcName: 'TPM_RC_INTEGRITY of parameter 3', command: '0x156' } },
      });
    });

    it('cannot be taken by another TPM', async () => {
      const [tpm, other] = [await tpmAt('a'), await tpmAt('b')];
      must(await readTpmIdentity(other));
      const { blob } = blobFor(must(await readTpmIdentity(tpm)));
      expect((await activateIdentityKey(other, blob)).ok).toBe(false);
      expect(await hmacWithIdentityKey(other, blob)).toMatchObject({ fault: { code: 'tpm-handle-absent' } });
    });

    it('does not change its URI into anything the TPM looks at', async () => {
      const tpm = await tpmAt('a');
      const { blob, hmacKey } = blobFor(must(await readTpmIdentity(tpm)), '');
      must(await activateIdentityKey(tpm, blob));
      await expectSigns(tpm, hmacKey, 10);
    });
  });

  describe(`${name}: handles`, () => {
    it('are all given back over 20 rounds of success and refusal', async () => {
      const tpm = await tpmAt('a');
      const identity = must(await readTpmIdentity(tpm));
      for (let round = 0; round < 20; round += 1) {
        const { blob } = blobFor(identity);
        const element = protectedElements[round % protectedElements.length] ?? 'idObject';
        const isGood = round % 3 === 0;
        expect((await activateIdentityKey(tpm, isGood ? blob : damaged(blob, element))).ok).toBe(isGood);
        expect((await provePossession(tpm, identity, systemRandom)).ok).toBe(true);
      }
      expect(await leftovers(tpm)).toEqual([]);
      expect(must(await tpm.handles(0x81000000))).toEqual([
        wellKnown.srkHandle,
        wellKnown.identityKeyHandle,
        wellKnown.ekHandle,
      ]);
    });

    it('run out with a code, and are there again after a flush', async () => {
      const tpm = await tpmAt('a');
      const taken: number[] = [];
      let last = await tpm.startPolicySession();
      // The specification asks for three at least; a TPM with more than 64 is not in a test.
      for (; last.ok && taken.length < 64; last = await tpm.startPolicySession()) taken.push(last.value);
      expect(last).toMatchObject({ fault: { code: 'tpm-memory-full' } });
      for (const handle of taken) must(await tpm.flush(handle));
      expect(await leftovers(tpm)).toEqual([]);
    });

    it('that are unknown cannot be flushed', async () => {
      const tpm = await tpmAt('a');
      expect(await tpm.flush(0x80000002)).toMatchObject({ fault: { code: 'tpm-handle-absent' } });
    });
  });

  describe(`${name}: authorisation`, () => {
    it('does not open a credential before the policy is satisfied', async () => {
      const tpm = await tpmAt('a');
      const elements = must(splitActivationBlob(blobFor(must(await readTpmIdentity(tpm))).blob));
      const session = must(await tpm.startPolicySession());
      const { srkHandle, ekHandle } = wellKnown;
      const answer = await tpm.activateCredential({ srkHandle, ekHandle, session, ...elements });
      must(await tpm.flush(session));
      expect(answer).toMatchObject({ fault: { code: 'tpm-policy-refused' } });
    });

    it('gives random bytes that differ', async () => {
      const tpm = await tpmAt('a');
      const [left, right] = [must(await tpm.random(16)), must(await tpm.random(16))];
      expect(left.length).toBe(16);
      expect(left).not.toEqual(right);
    });
  });
}

const protectedElements = ['idObject', 'encryptedSecret', 'duplicate', 'encryptedSeed', 'publicArea'] as const;

/** One bit of the element's last byte is another one; its size is as it was. */
function damaged(blob: Uint8Array, element: keyof ActivationElements): Uint8Array {
  const elements = must(splitActivationBlob(blob));
  const changed = Uint8Array.from(elements[element]);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return concatBytes(...Object.values({ ...elements, [element]: changed }));
}

function blobFor(identity: TpmIdentity, uri = 'hub.example.net'): { blob: Uint8Array; hmacKey: Uint8Array } {
  const hmacKey = systemRandom.bytes(32);
  const input = {
    ek: identity.ek,
    srk: identity.srk,
    innerKey: systemRandom.bytes(16),
    hmacKey,
    obfuscation: systemRandom.bytes(32),
    credentialSeed: systemRandom.bytes(32),
    duplicateSeed: systemRandom.bytes(32),
    uri,
  };
  return { blob: must(activationBlob(input)), hmacKey };
}

async function expectSigns(tpm: Tpm, hmacKey: Uint8Array, length: number): Promise<void> {
  const data = systemRandom.bytes(length);
  const want = Uint8Array.from(createHmac('sha256', hmacKey).update(data).digest());
  expect(must(await hmacWithIdentityKey(tpm, data)), `HMAC over ${String(length)} bytes`).toEqual(want);
}

async function leftovers(tpm: Tpm): Promise<number[]> {
  return [...must(await tpm.handles(transientHandles)), ...must(await tpm.handles(sessionHandles))];
}

/** An outer SEQUENCE of the right length is all that reading looks at. */
function syntheticCertificate(length: number): Uint8Array {
  const body = Uint8Array.from({ length: length - 4 }, (_, at) => (at * 31) & 255);
  return concatBytes(Uint8Array.of(0x30, 0x82, (length - 4) >> 8, (length - 4) & 255), body);
}
