import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../base/host.ts';
import { silentLog } from '../base/log.ts';
import { awaitReadyFile, superviseProgram } from './program.ts';

describe('the wait for a ready file', () => {
  it('that was stopped is told from one that took too long', async () => {
    const file = join(tmpdir(), 'benchline-never-written', 'ready.json');
    const wait = { program: 'agent', file, limitMs: 1, clock: systemClock, parse: () => undefined };
    const stopped = await awaitReadyFile({ ...wait, limitMs: 60_000, signal: AbortSignal.abort() });
    expect(stopped).toMatchObject({ fault: { code: 'program-stopped' } });
    expect(await awaitReadyFile(wait)).toMatchObject({ fault: { code: 'program-slow' } });
  });

  it('ends with the reason that the program said', async () => {
    const program = `process.stderr.write('No such place.\\nTake another.\\n(no-place)\\n', () => process.exit(1))`;
    const parts = { clock: systemClock, random: systemRandom, log: silentLog };
    let gone: (end: { code: number | null; signal: null }) => void = () => undefined;
    const ended = new Promise<{ code: number | null; signal: null }>((resolve) => (gone = resolve));
    const spec = { program: 'service', command: process.execPath, args: ['-e', program] };
    const running = superviseProgram(spec, parts, ({ code }) => {
      gone({ code, signal: null });
    });
    const file = join(tmpdir(), 'benchline-never-written', 'ready.json');
    const wait = { program: 'service', file, limitMs: 20_000, clock: systemClock, parse: () => undefined };
    expect(await awaitReadyFile({ ...wait, ended, reason: () => running.reason() })).toMatchObject({
      fault: { say: 'The service program ended before it was ready (exit code 1). No such place.' },
    });
    await running.stop();
  }, 30_000);
});
