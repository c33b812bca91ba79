import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../base/host.ts';
import { awaitReadyFile } from './program.ts';

describe('the wait for a ready file', () => {
  it('that was stopped is told from one that took too long', async () => {
    const file = join(tmpdir(), 'benchline-never-written', 'ready.json');
    const wait = { program: 'agent', file, limitMs: 1, clock: systemClock, parse: () => undefined };
    const stopped = await awaitReadyFile({ ...wait, limitMs: 60_000, signal: AbortSignal.abort() });
    expect(stopped).toMatchObject({ fault: { code: 'program-stopped' } });
    expect(await awaitReadyFile(wait)).toMatchObject({ fault: { code: 'program-slow' } });
  });
});
