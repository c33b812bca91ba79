/** The agent over a real pseudo-terminal and a real TCP port, as a station's link client sees it. */
import { lstatSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { Result } from '../../src-main/lib/base/result.ts';
import type { DeviceSettings, LinkClient } from '../../src-main/lib/link/index.ts';
import { provePossession, readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { createAuthority } from '../../src-main/lib/x509/authority.ts';
import { checkCsr } from '../../src-main/lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../src-main/lib/x509/device-certificate.ts';
import { parseCertificateProfile } from '../../src-main/lib/x509/profile.ts';
import type { CertificateChain } from '../../src-main/lib/x509/types.ts';
import profileData from '../../resources/certificate-profiles/device.json' with { type: 'json' };
import { awaitState, startAgentProgram, temporaryFolder } from './agent-program.ts';
import type { AgentProgram } from './agent-program.ts';

const parts = { clock: systemClock, random: systemRandom };
const profile = must(parseCertificateProfile(profileData));
const codeOf = (result: Result<unknown>): string => (result.ok ? 'no fault' : result.fault.code);
// Nothing listens on port 1: a unit that boots keeps trying.
const settings: DeviceSettings = { registrationId: 'unit-1', idScope: '0ne00TEST00', endpoint: '127.0.0.1:1' };
const x509 = ['--attestation', 'x509'] as const;
const software = ['--attestation', 'tpm', '--tpm', 'software'] as const;

let state: string;
const running: AgentProgram[] = [];
const clients: LinkClient[] = [];
const start = async (...words: readonly string[]): Promise<AgentProgram> => {
  const program = await startAgentProgram(state, ...words);
  running.push(program);
  return program;
};
const clientOf = async (program: AgentProgram): Promise<LinkClient> => {
  const client = await program.client();
  clients.push(client);
  return client;
};
const onPty = (): string => `pty:${join(state, 'tty')}`;
/** As a station does it: key, request, certificate. */
const issueFor = async (client: LinkClient, request: string): Promise<CertificateChain> => {
  must(await client.generateKey(`${request}-key`, 'p256'));
  const csr = must(await client.createCsr(`${request}-csr`, 'unit-1'));
  const facts = must(checkCsr(csr, { expectedCommonName: 'unit-1' }));
  const plan = { commonName: 'CA', algorithm: 'p256', validityDays: 3, pathLength: 0 } as const;
  const issuer = must(await createAuthority(plan, parts));
  return [must(await issueDeviceCertificate(facts, profile, issuer, parts)), issuer.certificate];
};

const readIfFile = (path: string): string => (statSync(path).isFile() ? readFileSync(path, 'utf8') : '');

beforeEach(() => {
  state = temporaryFolder();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(running.splice(0).map((program) => program.end('SIGKILL')));
  rmSync(state, { recursive: true, force: true });
});

describe('an X.509 unit on a pseudo-terminal', () => {
  it('is written as a station writes it, and holds what it acknowledged', async () => {
    const client = await clientOf(await start('--port', onPty(), ...x509, '--key', 'p256'));
    expect(must(await client.deviceInfo())).toMatchObject({
      serialNumber: 'SN-0001',
      attestations: ['x509'],
      keyAlgorithms: ['p256'],
    });
    expect(must(await client.status())).toEqual({ state: 'blank' });
    const chain = await issueFor(client, 'run-1');
    const written = must(await client.writeCertificates('run-1-chain', chain));
    const held = must(await client.readCertificates());
    expect(held.chain).toEqual(chain);
    expect(held.sha256).toEqual(written.sha256);
    must(await client.writeSettings('run-1-settings', settings));
    expect(must(await client.readSettings()).settings).toEqual(settings);
    expect(must(await client.status())).toEqual({ state: 'written', registrationId: 'unit-1' });
  });

  it('keeps its files to itself, and its key out of its log', async () => {
    const program = await start('--port', onPty(), ...x509);
    const client = await clientOf(program);
    must(await client.writeCertificates('c', await issueFor(client, 'run-1')));
    await program.end('SIGTERM');
    const modes = readdirSync(state).map((name) => [name, lstatSync(join(state, name)).mode & 0o077]);
    expect(modes).toEqual(modes.map(([name]) => [name, 0]));
    const { privateKey } = JSON.parse(readFileSync(join(state, 'key.json'), 'utf8')) as { privateKey: string };
    expect(privateKey.length).toBeGreaterThan(100);
    expect(program.log.join('\n')).not.toContain(privateKey.slice(20, 60));
  });

  it('makes one key for one request, even when its power was cut in between', async () => {
    const first = await start('--port', onPty(), ...x509);
    const before = must(await (await clientOf(first)).generateKey('run-1', 'p256'));
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    const again = await clientOf(await start('--port', onPty(), ...x509));
    expect(must(await again.generateKey('run-1', 'p256'))).toEqual(before);
    // The link remembers; the unit itself does too, when that memory is lost.
    rmSync(join(state, 'link-results'));
    await running.at(-1)?.end('SIGKILL');
    const third = await clientOf(await start('--port', onPty(), ...x509));
    expect(must(await third.generateKey('run-1', 'p256'))).toEqual(before);
    expect(must(await third.generateKey('run-2', 'p256'))).not.toEqual(before);
  });

  it('keeps the certificate in use until a new one is written, through a power cut', async () => {
    const program = await start('--port', onPty(), ...x509);
    const client = await clientOf(program);
    const chain = await issueFor(client, 'run-1');
    must(await client.writeCertificates('c-1', chain));
    must(await client.generateKey('run-2-key', 'p256'));
    await program.end('SIGKILL');
    const again = await clientOf(await start('--port', onPty(), ...x509));
    expect(must(await again.readCertificates()).chain).toEqual(chain);
    const renewed = await issueFor(again, 'run-3');
    must(await again.writeCertificates('c-3', renewed));
    expect(must(await again.readCertificates()).chain).toEqual(renewed);
  });

  it('[LINK-7] drops the old key once the new one was verified, is locked, and stays both through a power cut', async () => {
    const program = await start('--port', onPty(), ...x509);
    const client = await clientOf(program);
    expect(must(await client.deviceInfo())).toMatchObject({ holdsCredential: false, isLocked: false });
    must(await client.writeCertificates('c-1', await issueFor(client, 'run-1')));
    const { privateKey } = JSON.parse(readFileSync(join(state, 'key.json'), 'utf8')) as { privateKey: string };
    const chain = await issueFor(client, 'run-2');
    expect(codeOf(await client.retire('early', chain))).toBe('device-refused');
    must(await client.writeCertificates('c-2', chain));
    const flash = () => readdirSync(state, { recursive: true }).map((name) => readIfFile(join(state, String(name))));
    expect(flash().join('')).toContain(privateKey);
    must(await client.retire('r-2', chain));
    expect(flash().join('')).not.toContain(privateKey);
    must(await client.writeSettings('s-2', settings));
    const verified = { chain, settings };
    expect(codeOf(await client.lock('l-1', { ...verified, settings: { ...settings, idScope: '0neOTHER' } }))).toBe(
      'device-refused',
    );
    expect(must(await client.deviceInfo()).isLocked).toBe(false);
    const locked = must(await client.lock('l-2', verified));
    await program.end('SIGKILL');
    const again = await clientOf(await start('--port', onPty(), ...x509));
    expect(must(await again.deviceInfo())).toMatchObject({ holdsCredential: true, isLocked: true });
    // The replay, and the same asked anew.
    expect(must(await again.lock('l-2', verified))).toEqual(locked);
    expect(must(await again.lock('l-3', verified))).toEqual(locked);
    const refused = [
      await again.generateKey('run-3-key', 'p256'),
      await again.writeCertificates('c-3', chain),
      await again.writeSettings('s-3', { ...settings, idScope: '0neOTHER' }),
    ];
    expect(refused.map((one) => !one.ok && one.fault.detail?.['deviceCode'])).toEqual([
      'agent-locked',
      'device-locked',
      'device-locked',
    ]);
    expect(must(await again.readCertificates()).chain).toEqual(chain);
    expect(must(await again.readSettings()).settings).toEqual(settings);
    must(await again.generateKey('run-2-key', 'p256'));
    must(checkCsr(must(await again.createCsr('proof', 'unit-1')), { expectedCommonName: 'unit-1' }));
  });

  it('refuses a certificate about another key, and keeps what it had', async () => {
    const client = await clientOf(await start('--port', onPty(), ...x509));
    const chain = await issueFor(client, 'run-1');
    must(await client.writeCertificates('c-1', chain));
    const plan = { commonName: 'unit-1', algorithm: 'p256', validityDays: 3, pathLength: 0 } as const;
    const foreign = must(await createAuthority(plan, parts)).certificate;
    expect((await client.writeCertificates('c-2', [foreign])).ok).toBe(false);
    expect(must(await client.readCertificates()).chain).toEqual(chain);
  });

  it('does not boot before it is written, then goes on trying, and again after a power cut', async () => {
    const program = await start('--port', onPty(), ...x509);
    const client = await clientOf(program);
    expect((await client.boot('boot-0')).ok).toBe(false);
    must(await client.writeCertificates('c-1', await issueFor(client, 'run-1')));
    expect((await client.boot('boot-1')).ok).toBe(false);
    must(await client.writeSettings('s-1', settings));
    must(await client.boot('boot-2'));
    expect(await awaitState(client, 'registering')).toMatchObject({ registrationId: 'unit-1' });
    await program.end('SIGKILL');
    const again = await clientOf(await start('--port', onPty(), ...x509));
    expect(await awaitState(again, 'registering')).toMatchObject({ registrationId: 'unit-1' });
    must(await again.ping());
  });

  it('answers through chatter, a lost, a cut and a corrupted reply', async () => {
    const faults = ['boot-chatter', 'drop-reply=4', 'truncate-reply=8', 'corrupt-reply=12'];
    const words = faults.flatMap((fault) => ['--fault', fault]);
    const client = await clientOf(await start('--port', onPty(), ...x509, ...words));
    const chain = await issueFor(client, 'run-1');
    must(await client.writeCertificates('c-1', chain));
    expect(must(await client.readCertificates()).chain).toEqual(chain);
  });

  it('shows every planted fault of a credential', async () => {
    const words = ['csr-name=other', 'certificate-bit', 'no-serial'].flatMap((fault) => ['--fault', fault]);
    const client = await clientOf(await start('--port', onPty(), ...x509, ...words));
    expect(must(await client.deviceInfo()).serialNumber).toBeUndefined();
    must(await client.generateKey('k', 'p256'));
    const csr = must(await client.createCsr('r', 'unit-1'));
    expect(codeOf(checkCsr(csr, { expectedCommonName: 'unit-1' }))).toBe('csr-name-mismatch');
    const facts = must(checkCsr(csr, { expectedCommonName: 'other' }));
    const plan = { commonName: 'CA', algorithm: 'p256', validityDays: 3, pathLength: 0 } as const;
    const leaf = must(await issueDeviceCertificate(facts, profile, must(await createAuthority(plan, parts)), parts));
    expect(codeOf(await client.writeCertificates('c', [leaf]))).toBe('link-write-differs');
  });

  it('signs its request with another key when that is planted', async () => {
    const client = await clientOf(await start('--port', onPty(), ...x509, '--fault', 'csr-signature'));
    must(await client.generateKey('k', 'p256'));
    const csr = must(await client.createCsr('r', 'unit-1'));
    expect(codeOf(checkCsr(csr, { expectedCommonName: 'unit-1' }))).toBe('csr-signature-wrong');
  });
});

describe('a TPM unit', () => {
  const swtpm = ['--attestation', 'tpm', '--tpm', 'swtpm'] as const;

  it.each([
    ['swtpm', swtpm],
    ['the software TPM', software],
  ] as const)('proves possession of %s over the line, and is the same after a power cut', async (_name, words) => {
    const program = await start('--port', onPty(), ...words);
    const client = await clientOf(program);
    expect(must(await client.deviceInfo())).toMatchObject({ attestations: ['tpm'], keyAlgorithms: [] });
    const identity = must(await readTpmIdentity(createTpm(client.tpm, systemClock)));
    must(await provePossession(createTpm(client.tpm, systemClock), identity, systemRandom));
    must(await client.writeSettings('s', settings));
    expect(must(await client.status())).toEqual({ state: 'written', registrationId: 'unit-1' });
    expect(codeOf(await client.generateKey('k', 'p256'))).toBe('link-unsupported');
    await program.end('SIGKILL');
    const again = await clientOf(await start('--port', onPty(), ...words));
    expect(must(await readTpmIdentity(createTpm(again.tpm, systemClock))).ek).toEqual(identity.ek);
  });

  it('takes its swtpm along when it is told to stop', async () => {
    const program = await start('--port', onPty(), ...swtpm);
    const socket = join(state, 'swtpm', 'tpm.sock');
    const holders = () => spawnSync('pgrep', ['-f', join(state, 'swtpm')], { encoding: 'utf8' }).stdout.trim();
    expect(statSync(socket).isSocket()).toBe(true);
    expect(holders()).not.toBe('');
    expect(await program.end('SIGTERM')).toBe(0);
    expect(holders()).toBe('');
    expect(readdirSync(state)).not.toContain('ready.json');
    expect(readdirSync(state)).not.toContain('tty');
  });

  it('has the endorsement key of another unit when that is planted', async () => {
    const client = await clientOf(await start('--port', onPty(), ...software));
    const identity = must(await readTpmIdentity(createTpm(client.tpm, systemClock)));
    const other = temporaryFolder();
    const twin = await startAgentProgram(other, '--port', 'pty', ...software, '--fault', `duplicate-ek=${state}`);
    running.push(twin);
    const copied = must(await readTpmIdentity(createTpm((await clientOf(twin)).tpm, systemClock)));
    expect(copied.ek).toEqual(identity.ek);
    await twin.end('SIGKILL');
    rmSync(other, { recursive: true, force: true });
  });

  it('is waited for when its TPM is slow, while the line stays free', async () => {
    const client = await clientOf(await start('--port', onPty(), ...software, '--fault', 'tpm-delay=1500'));
    const slow = createTpm(client.tpm, systemClock).random(8);
    must(await client.ping());
    expect(must(await slow)).toHaveLength(8);
  });
});

describe('the program', () => {
  it('serves a unit on a TCP port, to one station after the other', async () => {
    const program = await start('--port', 'tcp:127.0.0.1:0', ...x509);
    const first = await clientOf(program);
    must(await first.writeSettings('s', settings));
    await first.close();
    const second = await clientOf(program);
    expect(must(await second.readSettings()).settings).toEqual(settings);
    expect(await program.end('SIGTERM')).toBe(0);
  });

  it('ends with a coded reason when it cannot begin', () => {
    const run = (...words: readonly string[]) => {
      const done = spawnSync(process.execPath, ['src-main/agent/main.ts', ...words], { encoding: 'utf8' });
      return [done.status, /^\(([a-z0-9-]+)\)$/m.exec(done.stderr)?.[1]];
    };
    const usual = ['--state', state, '--serial-number', 'SN', ...x509];
    expect(run('--port', 'pty')).toEqual([2, 'agent-option-missing']);
    expect(run(...usual, '--port', 'pty', '--ca', join(state, 'none.pem'))).toEqual([1, 'agent-file-unreadable']);
    writeFileSync(join(state, 'taken'), '');
    expect(run(...usual, '--port', `pty:${join(state, 'taken')}`)).toEqual([1, 'pty-unavailable']);
    const noSwtpm = { encoding: 'utf8', env: { PATH: join(state, 'empty') } } as const;
    const words = [...usual.slice(0, 4), '--attestation', 'tpm', '--tpm', 'swtpm', '--port', 'pty'];
    const done = spawnSync(process.execPath, ['src-main/agent/main.ts', ...words], noSwtpm);
    expect([done.status, done.stderr]).toEqual([1, expect.stringContaining('tpm-swtpm-missing')]);
  });
});
