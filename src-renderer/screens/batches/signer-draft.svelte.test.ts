import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../src-main/lib/base/clock.ts';
import { ok } from '../../../src-main/lib/base/result.ts';
import { createClient } from '../../bridge/client.ts';
import { Station } from '../../state/station.svelte.ts';
import { SignerDraft } from './signer-draft.svelte.ts';

const signer = {
  signerId: 'own',
  commonName: 'Line 7 CA',
  issuer: 'CN=Root',
  algorithm: 'p256',
  sha256: 'aa',
  notAfterMs: 2_000_000_000_000,
  demonstration: false,
};

function draftOf(): { readonly draft: SignerDraft; readonly asked: unknown[] } {
  const clock = manualClock();
  const asked: unknown[] = [];
  const port = {
    call: async (name: string, payload: unknown) => {
      asked.push({ name, payload });
      return ok({ signerId: 'own', signers: [signer] });
    },
    listen: () => () => undefined,
  };
  return { draft: new SignerDraft(new Station(createClient(port, clock), clock)), asked };
}

const fileOf = (size: number) => ({ name: 'own.p12', size, arrayBuffer: async () => Uint8Array.of(1, 2, 3).buffer });

describe('a signer file', () => {
  it('is sent whole with its passphrase, which is forgotten at once', async () => {
    const { draft, asked } = draftOf();
    draft.file = fileOf(3);
    draft.passphrase = 'quiet';
    expect(await draft.open()).toMatchObject({ signerId: 'own' });
    expect(asked).toEqual([{ name: 'signer.open', payload: { file: 'AQID', passphrase: 'quiet' } }]);
    expect(draft.passphrase).toBe('');
    expect(draft.file).toBeUndefined();
  });

  it.each([0, 131_073])('of %i bytes is refused in words and not sent', async (size) => {
    const { draft, asked } = draftOf();
    draft.file = fileOf(size);
    expect(await draft.open()).toBeUndefined();
    expect(draft.fileWrong).toContain('128 kB');
    expect(asked).toEqual([]);
  });
});
