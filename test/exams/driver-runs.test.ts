/** Whole runs through the drivers that are not the bench link: what a unit cannot take is left out, and the pass says so. */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import { openSerialPort } from '../../src-main/lib/serial/index.ts';
import type { RunId, SerialNumber } from '../../src-main/station/batches/model.ts';
import type { UnitDriver } from '../../src-main/station/bench/ports.ts';
import { provision } from '../../src-main/station/bench/run.ts';
import { batchOf, createScript, scriptedJournal, scriptedSigner } from '../../src-main/station/bench/test-bench.ts';
import { createDeviceProfiles } from '../../src-main/station/drivers/device-profiles.ts';
import { startAgentProgram, temporaryFolder } from './agent-program.ts';
import { scriptedModem } from './scripted-modem.ts';

const profiles = createDeviceProfiles();
const parts = { clock: systemClock, random: systemRandom, log: silentLog, trustedRoots: [] };
const signal = new AbortController().signal;
let folder = '';
const ends: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  rmSync(folder, { recursive: true, force: true });
});

function runOf(driver: UnitDriver, serialNumber: string, deviceProfile: string) {
  ends.push(() => driver.close());
  const script = createScript();
  const task = { runId: 'r1' as RunId, batch: batchOf({ deviceProfile }), serialNumber: serialNumber as SerialNumber };
  const outcome = provision(
    { ...task, open: [], done: [], holdings: [] },
    {
      ...{ driver, signal, clock: systemClock, random: systemRandom },
      target: { idScope: '0ne1', endpoint: 'localhost' },
      digest: { sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()) },
      journal: scriptedJournal(script),
      signer: scriptedSigner(script),
      endorsement: { check: async () => ok() },
      onPhase: () => undefined,
      onAttestation: async () => undefined,
    },
  );
  return { script, outcome };
}

describe('a run by device profile', () => {
  it.each(['swtpm', 'software'])(
    'passes a board that only forwards to its TPM (the agent with --protocol tpm-tunnel, %s), without settings',
    { timeout: 90_000 },
    async (tpm) => {
      const words = ['--attestation', 'tpm', '--protocol', 'tpm-tunnel', '--tpm', tpm];
      const agent = await startAgentProgram(join(folder, 'unit'), '--port', 'pty', ...words, '--fault', 'boot-chatter');
      ends.push(() => agent.end('SIGTERM'));
      const stream = must(await openSerialPort({ path: agent.port }, parts));
      const driver = must(profiles.openDriver('tpm-tunnel', stream, parts));
      // The label is all that says which unit this is: the TPM knows no serial number.
      const { outcome, script } = runOf(driver, 'SN-FROM-THE-LABEL', 'tpm-tunnel');
      expect(await outcome).toMatchObject({
        verdict: 'pass',
        record: { attestation: 'tpm', leftOut: ['write-settings'], facts: { attestations: ['tpm'] } },
      });
      expect(script.asked).toEqual(['claim ek registration-id', 'pass']);
    },
  );

  it('passes a Nordic modem: key, certificate, comparison, and only then the old credential goes', async () => {
    const { near, far } = streamPair();
    const modem = scriptedModem('352656109480783');
    for (const type of ['0', '1', '2']) modem.put('16842753', type, `old ${type}`);
    modem.serve(far, { echo: true, noise: '%XMODEMSLEEP: 1,0' });
    const driver = must(profiles.openDriver('nordic-nrf91', near, parts));
    const { outcome, script } = runOf(driver, '352656109480783', 'nordic-nrf91');
    expect(await outcome).toMatchObject({ verdict: 'pass', record: { leftOut: ['write-settings'] } });
    const intents = script.asked.filter((call) => call.startsWith('intend'));
    expect(intents).toEqual(['intend generate-key', 'intend write-certificates', 'intend retire']);
    expect(modem.tags.get('16842753')?.size).toBe(0);
    expect([...(modem.tags.get('16842754')?.keys() ?? [])]).toEqual(['2', '1']);
  });

  it('fails a modem whose IMEI is not the one on the label, before anything is written', async () => {
    const { near, far } = streamPair();
    const modem = scriptedModem('352656109480783');
    modem.serve(far);
    const driver = must(profiles.openDriver('nordic-nrf91', near, parts));
    const { outcome } = runOf(driver, '999999999999999', 'nordic-nrf91');
    expect(await outcome).toMatchObject({ phase: 'identify', fault: { code: 'serial-mismatch' } });
    expect(modem.heard.filter((one) => /CFUN|CMNG|KEYGEN/.test(one))).toEqual([]);
  });
});
