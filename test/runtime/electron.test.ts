/** The libraries hold inside Electron's runtime what they hold under Node. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { electronNode, type ElectronNode } from './electron-node.ts';

const checks = ['tpm', 'sqlite', 'serial', 'x509'] as const;

describe('inside the runtime of Electron', () => {
  let inside: ElectronNode;
  beforeAll(async () => {
    inside = await electronNode([...checks, 'planted']);
  });
  afterAll(() => {
    inside.remove();
  });

  it.each(checks)('%s holds', async (name) => {
    const told = await inside.check(name);
    expect(told).toMatchObject({ electron: inside.version, wrong: [] });
  });

  it('what does not hold there is heard here', async () => {
    expect((await inside.check('planted')).wrong).toEqual(['one is two']);
  });
});
