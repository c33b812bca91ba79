import { describe, expect, it } from 'vitest';
import type { Fault } from '../../lib/base/fault.ts';
import { ok } from '../../lib/base/result.ts';
import type { RegistrationId } from '../batches/model.ts';
import type { DeviceSigner } from '../bench/ports.ts';
import { withheldBy } from './device-signer.ts';

describe('a signer on a clock that is not trusted', () => {
  it('issues nothing, and still checks and validates; it issues again once the clock is good', async () => {
    const issued = new Uint8Array([1]);
    const signer: DeviceSigner = {
      chain: [],
      checkCsr: async () => ok({ publicKeySha256: 'aa' }),
      issue: async () => ok(issued),
      validate: async () => ok({ sha256: 'bb', publicKeySha256: 'aa' }),
    };
    let fault: Fault | undefined = { code: 'clock-untrusted', say: 'It went back.', hint: 'Set it.' };
    const withheld = withheldBy(signer, () => fault);
    const name = 'sn-1' as RegistrationId;
    expect(await withheld.issue(new Uint8Array(), name)).toEqual({ ok: false, fault });
    expect(await withheld.checkCsr(new Uint8Array(), name)).toMatchObject({ ok: true });
    expect(await withheld.validate([], name)).toMatchObject({ ok: true });
    fault = undefined;
    expect(await withheld.issue(new Uint8Array(), name)).toEqual(ok(issued));
  });
});
