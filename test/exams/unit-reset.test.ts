/** A unit that resets in the middle of a run is found again, and what was asked of it is asked again under the same ids. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src-main/lib/base/bytes.ts';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { type Result, must } from '../../src-main/lib/base/result.ts';
import { streamPair } from '../../src-main/lib/base/stream-pair.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { openSerialPort } from '../../src-main/lib/serial/index.ts';
import { checkCsr } from '../../src-main/lib/x509/csr.ts';
import type { UnitDriver } from '../../src-main/station/bench/ports.ts';
import { createSmpDriver } from '../../src-main/station/drivers/smp-driver.ts';
import { createLabUnit, prepareTpmState } from '../flows/support/lab-unit.ts';
import { pacedClock } from '../flows/support/paced-clock.ts';
import { type AgentProgram, parts, startAgentProgram } from './agent-program.ts';

const never = new AbortController().signal;
const settings = { registrationId: 'sn-0001', idScope: '0ne00000001', endpoint: '127.0.0.1:443' };
let folder = '';
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-reset-'));
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await rm(folder, { recursive: true, force: true });
});

/** All that a run asks of a unit. */
async function everything(driver: UnitDriver, attestation: 'tpm' | 'x509') {
  must(await driver.connect(never));
  const facts = must(await driver.facts());
  const proof = attestation === 'tpm' ? must(await driver.proveTpm(never)) : await request(driver);
  must(await driver.writeSettings('id-settings', settings));
  expect(must(await driver.readSettings())).toEqual(settings);
  return { facts, proof };
}

async function request(driver: UnitDriver): Promise<Uint8Array> {
  must(await driver.generateKey('id-key', 'p256'));
  return must(await driver.createCsr('id-key-csr', 'sn-0001'));
}

const keyIn = (csr: Uint8Array) => must(checkCsr(csr, { expectedCommonName: 'sn-0001' })).publicKey;

/** The agent as a process on a pseudo-terminal; it loses its power after its nth write, and gets it again. */
async function agentDriver(
  attestation: 'tpm' | 'x509',
  cutAfter: number,
): Promise<{ driver: UnitDriver; cuts: () => number }> {
  const link = join(folder, 'port');
  const state = join(folder, 'unit');
  const words = ['--port', `pty:${link}`, '--attestation', attestation, '--tpm', 'software'];
  let agent: AgentProgram = await startAgentProgram(state, ...words, '--fault', `exit-after-write=${cutAfter}`);
  let cuts = 0;
  const reopen = async (): Promise<Result<ByteStream>> => {
    await agent.ended;
    cuts += 1;
    agent = await startAgentProgram(state, ...words, '--fault', 'boot-chatter');
    return openSerialPort({ path: link }, parts);
  };
  const stream = must(await openSerialPort({ path: link }, parts));
  const driver = createSmpDriver(stream, { ...parts, trustedRoots: [], reopen });
  ends.push(
    () => agent.end('SIGTERM'),
    () => driver.close(),
  );
  return { driver, cuts: () => cuts };
}

describe('a unit on a pseudo-terminal that loses its power and comes back with boot messages', () => {
  // The writes of a whole X.509 exchange are about 9, of a TPM one some 18.
  it.each([2, 6])('goes on with its key after a reset at answer %i', { timeout: 60_000 }, async (cutAfter) => {
    const { driver, cuts } = await agentDriver('x509', cutAfter);
    const { proof } = await everything(driver, 'x509');
    expect(cuts()).toBe(1);
    // The same ids again give the key that was made, and no second one.
    expect(keyIn(await request(driver))).toEqual(keyIn(proof as Uint8Array));
  });

  it.each([8, 14])('begins its TPM step anew after a reset at answer %i', { timeout: 60_000 }, async (cutAfter) => {
    const { driver, cuts } = await agentDriver('tpm', cutAfter);
    const { proof } = await everything(driver, 'tpm');
    expect(cuts()).toBe(1);
    expect(proof).toMatchObject({ registrationId: expect.stringMatching(/^[a-z2-7]{52}$/) as string });
  });

  it('is given up when it does not come back', { timeout: 60_000 }, async () => {
    const link = join(folder, 'port');
    const agent = await startAgentProgram(join(folder, 'unit'), '--port', `pty:${link}`, '--attestation', 'x509');
    const stream = must(await openSerialPort({ path: link }, parts));
    const reopen = () => openSerialPort({ path: link }, parts);
    const driver = createSmpDriver(stream, { ...parts, trustedRoots: [], reopen });
    ends.push(() => driver.close());
    must(await driver.connect(never));
    await agent.end('SIGKILL');
    expect(await driver.facts()).toMatchObject({ ok: false, fault: { code: 'link-lost' } });
  });
});

describe('a unit whose line stays open while it resets', () => {
  it.each(['tpm', 'x509'] as const)(
    'is found again at every third answer of a whole exchange (%s)',
    { timeout: 120_000 },
    async (attestation) => {
      const clock = pacedClock();
      const tpmState =
        attestation === 'tpm' ? { tpmState: await prepareTpmState(join(folder, 'tpm.json'), clock) } : {};
      let answers = 1;
      let resets = 0;
      // Each reset costs the station its patience of six seconds, which the clock hurries.
      for (let at = 1; at <= answers; at += 3) {
        const unit = await createLabUnit({
          folder: join(folder, `u${at}`),
          serialNumber: 'SN0001',
          attestation,
          clock,
          ...tpmState,
        });
        const { near, far } = streamPair();
        let count = 0;
        let isDown = false;
        const line: ByteStream = {
          ...far,
          onData: (hear) =>
            far.onData((bytes) => {
              if (!isDown) hear(bytes);
            }),
          async write(bytes) {
            if (isDown) return { ok: true, value: undefined };
            count += 1;
            if (count !== at) return far.write(bytes);
            resets += 1;
            isDown = true;
            clock.setPace(100);
            await far.write(bytes.subarray(0, bytes.length / 2));
            void (async () => {
              await far.write(utf8('\r\n*** Booting Zephyr OS build v3.7.0 ***\r\n'));
              await sleep(clock, 8_000);
              // What ran is gone with the power; what was noted is not.
              unit.serve(line);
              isDown = false;
            })();
            return { ok: true, value: undefined };
          },
        };
        unit.serve(line);
        const driver = createSmpDriver(near, { clock, random: systemRandom, log: silentLog, trustedRoots: [] });
        await everything(driver, attestation);
        answers = Math.max(answers, count);
        clock.setPace(1);
        if (attestation === 'x509') expect(unit.keysMade()).toBe(1);
        await driver.close();
        await unit.close();
      }
      expect(resets).toBeGreaterThanOrEqual(3);
    },
  );
});
