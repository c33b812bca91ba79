import { describe, expect, it } from 'vitest';
import { BatchTerms } from '../../../src-main/contract/views.ts';
import { manualClock } from '../../../src-main/lib/base/clock.ts';
import { createClient } from '../../bridge/client.ts';
import { Station } from '../../state/station.svelte.ts';
import { createFixtureStation } from '../../../test/renderer/fixture-station.ts';
import { sceneFrom } from '../../../test/renderer/scenes.ts';
import { TermsDraft } from './terms-draft.svelte.ts';

async function draftOf(): Promise<TermsDraft> {
  const clock = manualClock();
  const port = createFixtureStation(sceneFrom(new URLSearchParams('')));
  const draft = new TermsDraft(new Station(createClient(port, clock), clock));
  await draft.open(undefined);
  return draft;
}

describe('the terms of a batch', () => {
  it('are complete but for the name and the product', async () => {
    const draft = await draftOf();
    expect(Object.keys(draft.faults)).toEqual(['name', 'product']);
    expect(draft.signerId).toBe('demo');
  });

  it('are what the contract takes once they are right', async () => {
    const draft = await draftOf();
    draft.name = ' 2026-114 ';
    draft.product = 'Gateway';
    draft.initialTwin = '{"tags":{"line":7}}';
    expect(draft.faults).toEqual({});
    expect(BatchTerms.parse(draft.terms())).toMatchObject({ name: '2026-114', quantity: 100, signerId: 'demo' });
  });

  it('say nothing before they are sent, and everything after', async () => {
    const draft = await draftOf();
    expect(draft.wrong).toEqual({});
    expect(await draft.submit()).toBeUndefined();
    expect(draft.wrong.name).toContain('name');
  });

  it.each([
    ['quantity', '0'],
    ['quantity', '1.5'],
    ['quantity', '100001'],
    ['quantity', ''],
    ['serialPattern', '(SN'],
    ['serialPattern', ''],
    ['deviceIdTemplate', 'gateway'],
    ['registrationIdTemplate', 'gateway'],
    ['initialTwin', '[1]'],
    ['initialTwin', '{'],
  ] as const)('name %s as wrong when it is %j', async (field, value) => {
    const draft = await draftOf();
    draft[field] = value;
    expect(Object.keys(draft.faults)).toContain(field);
  });

  it('need a signer for X.509 and none for TPM alone', async () => {
    const draft = await draftOf();
    draft.signerId = undefined;
    expect(Object.keys(draft.faults)).toContain('signerId');
    draft.attestation = 'tpm';
    expect(Object.keys(draft.faults)).not.toContain('signerId');
    expect(draft.terms()).not.toHaveProperty('signerId');
  });
});
