/** The tunnel driver on real TPMs behind pseudo-terminals: identity, possession, and what a cut line leaves behind. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OpenedTpm } from '../../src-main/agent/tpm/opened-tpm.ts';
import { openTpm } from '../../src-main/agent/tpm/open-tpm.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { openPty, openSerialPort } from '../../src-main/lib/serial/index.ts';
import { cc } from '../../src-main/lib/tpm/constants.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { serveTunnel } from '../../src-main/lib/tpm/tunnel-server.ts';
import type { UnitDriver } from '../../src-main/station/bench/ports.ts';
import { createTunnelDriver } from '../../src-main/station/drivers/tunnel-driver.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
const never = new AbortController().signal;
let folder = '';
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-tunnel-'));
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await rm(folder, { recursive: true, force: true });
});

interface Board {
  readonly tpm: OpenedTpm;
  readonly driver: UnitDriver;
  /** Codes of the commands that reached the TPM. */
  readonly ran: number[];
}

type Bend = (bytes: Uint8Array, ran: readonly number[]) => Uint8Array;

/** `bend` changes what the board sends. */
async function board(kind: 'swtpm' | 'software', bend: Bend = (bytes) => bytes): Promise<Board> {
  const state =
    kind === 'swtpm' ? { kind, stateDir: join(folder, 'tpm') } : { kind, stateFile: join(folder, 'tpm.json') };
  const tpm = must(await openTpm(state, systemClock));
  const pty = must(await openPty({}, systemClock));
  const ran: number[] = [];
  const transport: typeof tpm.transport = {
    transmit: (command) => {
      ran.push(new DataView(command.buffer, command.byteOffset).getUint32(6));
      return tpm.transport.transmit(command);
    },
  };
  const far: ByteStream = { ...pty.stream, write: (bytes) => pty.stream.write(bend(bytes, ran)) };
  const server = serveTunnel(far, transport, parts);
  const near = must(await openSerialPort({ path: pty.path }, parts));
  const driver = createTunnelDriver(near, parts);
  ends.push(
    async () => tpm.close(),
    async () => pty.stream.close(),
    async () => server.close(),
    async () => driver.close(),
  );
  return { tpm, driver, ran };
}

describe.each(['swtpm', 'software'] as const)('a board that forwards to a TPM (%s)', (kind) => {
  it('says what it is, proves its key, and takes nothing else', { timeout: 120_000 }, async () => {
    const { driver, tpm } = await board(kind);
    must(await driver.connect(never));
    const facts = must(await driver.facts());
    expect(facts).toMatchObject({ attestations: ['tpm'] });
    expect(facts.model).toMatch(/^TPM \S/);
    expect(facts.firmware).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect(facts).not.toHaveProperty('serialNumber');
    const proven = must(await driver.proveTpm(never));
    const direct = must(await readTpmIdentity(createTpm(tpm.transport, systemClock)));
    expect([proven.endorsementKey, proven.storageRootKey]).toEqual([direct.ek, direct.srk]);
    expect(driver.capabilities).toEqual({ settings: false, certificates: false, serialNumber: false });
    const refused = await driver.writeSettings('id', { registrationId: 'r', idScope: 's', endpoint: 'e' });
    expect(refused).toMatchObject({ ok: false, fault: { code: 'unit-unable' } });
  });

  it(
    '[TUN-5] is proven although an answer that must not be asked for twice was cut',
    { timeout: 120_000 },
    async () => {
      let cuts = 0;
      const struck: readonly number[] = [cc.startAuthSession, cc.policySecret, cc.activateCredential, cc.evictControl];
      const { driver, ran, tpm } = await board(kind, (bytes, asked) => {
        const last = asked.at(-1) ?? 0;
        // One of them in each beginning of the step.
        if (bytes.length <= 8 || last !== struck[cuts] || cuts === 2) return bytes;
        cuts += 1;
        return bytes.subarray(0, bytes.length - 3);
      });
      must(await driver.connect(never));
      must(await driver.proveTpm(never));
      expect(cuts).toBe(2);
      // Three beginnings, one session each: none was begun twice within one of them.
      expect(ran.filter((code) => code === cc.startAuthSession)).toHaveLength(3);
      expect(ran.filter((code) => code === cc.evictControl)).toHaveLength(2);
      // Nothing stays loaded: the TPM's few places are free for the next.
      const left = createTpm(tpm.transport, systemClock);
      expect([must(await left.handles(0x02000000)), must(await left.handles(0x80000000))]).toEqual([[], []]);
    },
  );
});
